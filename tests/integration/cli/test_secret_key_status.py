"""`authsession keys status` and `doctor` on a real database: the keys that versions of secrets need."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from authsession.__main__ import main
from authsession.doctor import doctor
from tests.integration.cli.test_keys_command import lines_of
from tests.support.database import Database
from tests.support.stack import AUDIT_KEYS, COOKIE_KEYS, LOGIN_CODE_KEYS, SEALING_KEYS
from tests.support.stored_secrets import forget_secrets, ring, store_secrets

Captured = pytest.CaptureFixture[str]
OLD, NEW = (f"{name}:{base64.b64encode(name.encode() * 16).decode()}" for name in ("k1", "k2"))
MAY_GO = "may be removed once every internal process has restarted with another key in front"
NAME = "AUTHSESSION_SECRET_KEYS"


@pytest.fixture(autouse=True)
def environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)
    for name, keys in (
        ("LOGIN_CODE", LOGIN_CODE_KEYS), ("SEALING", SEALING_KEYS), ("COOKIE", COOKIE_KEYS), ("AUDIT", AUDIT_KEYS),
    ):  # fmt: skip
        monkeypatch.setenv(f"AUTHSESSION_{name}_KEYS", keys)
    yield
    forget_secrets(database)


def status(monkeypatch: pytest.MonkeyPatch, capsys: Captured, *keys: str) -> tuple[int, list[str], str]:
    """Exit status, the lines about keys of secrets, and the complaint."""
    monkeypatch.setenv(NAME, ",".join(keys))
    returned = main(["keys", "status"])
    said = capsys.readouterr()
    return returned, lines_of(NAME, said.out), said.err


def test_without_secrets_no_key_is_needed(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert status(monkeypatch, capsys) == (0, ["is not set"], "")
    assert status(monkeypatch, capsys, NEW, OLD) == (0, ["k2 writes", f"k1 {MAY_GO}"], "")


def test_versions_that_are_not_destroyed_need_the_key_that_wraps_them(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (secret_id,) = store_secrets(database, ring(OLD), b"one", b"two", b"three")
    store_secrets(database, ring(NEW), b"one", deleted_ago="1 day")
    assert status(monkeypatch, capsys, NEW, OLD)[1] == [
        "k2 writes; 1 version of a secret needs it",
        "k1 3 versions of secrets need it",
    ]
    database.execute("update secret_versions set state = 'disabled' where secret_id = $1", secret_id)
    assert status(monkeypatch, capsys, NEW, OLD)[1][1] == "k1 3 versions of secrets need it"
    database.execute(
        "update secret_versions set state = 'destroyed', wrapped_key = null, ciphertext = null where secret_id = $1",
        secret_id,
    )
    assert status(monkeypatch, capsys, NEW, OLD)[1][1] == f"k1 {MAY_GO}"


def test_a_key_that_was_taken_away_too_early_is_missing(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    store_secrets(database, ring(OLD), b"value", count=2)
    returned, lines, complaint = status(monkeypatch, capsys, NEW)
    assert (returned, lines) == (1, ["k2 writes", "k1 missing: 2 versions of secrets need it; put it back"])
    assert complaint == f"authsession: {NAME} lacks the key k1: put it back\n"
    assert status(monkeypatch, capsys)[1] == ["is not set", "k1 missing: 2 versions of secrets need it; put it back"]


@pytest.mark.parametrize("keys", [NEW, ""])
def test_doctor_says_that_the_internal_process_lacks_a_key(
    keys: str, database: Database, tmp_path: Path, capsys: Captured
) -> None:
    store_secrets(database, ring(OLD), b"value", count=2)
    assert doctor({"AUTHSESSION_POSTGRES_DSN": database.internal_dsn, NAME: keys}, tmp_path, "internal") == 1
    lines = capsys.readouterr().out.splitlines()
    assert f"fail  internal: 2 versions of secrets need the key k1: put it back into {NAME}" in lines


def test_doctor_gives_a_hint_where_the_internal_process_has_no_list(
    database: Database, tmp_path: Path, capsys: Captured
) -> None:
    environment = {"AUTHSESSION_POSTGRES_DSN": database.internal_dsn}
    doctor(environment, tmp_path, "internal")
    assert f"hint  internal: {NAME} is not set: no secret can be stored" in capsys.readouterr().out
    doctor(environment | {NAME: OLD}, tmp_path, "internal")
    doctor({"AUTHSESSION_POSTGRES_DSN": database.public_dsn}, tmp_path, "public")
    assert NAME not in capsys.readouterr().out


def test_doctor_warns_where_the_public_process_has_a_list_of_the_internal_one(
    database: Database, tmp_path: Path, capsys: Captured
) -> None:
    store_secrets(database, ring(OLD), b"value")
    environment = {"AUTHSESSION_POSTGRES_DSN": database.public_dsn, "AUTHSESSION_SEALING_KEYS": SEALING_KEYS}
    doctor(environment | {NAME: NEW, "AUTHSESSION_COOKIE_KEYS": COOKIE_KEYS}, tmp_path, "public")
    lines = [line.partition(" is set: take it away from the public process") for line in
             capsys.readouterr().out.splitlines()]  # fmt: skip
    assert [start for start, found, _ in lines if found] == [
        "warn  public: AUTHSESSION_COOKIE_KEYS", f"warn  public: {NAME}",
    ]  # fmt: skip
    assert NEW[3:] not in str(lines)
