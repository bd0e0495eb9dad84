"""`authsession secrets` on a real database: another key for what is stored, the end of a lost key, one look."""

import base64
import json
import os
import sys
from collections.abc import Callable, Iterator

import pytest

from authsession.__main__ import main
from tests.support.database import Database
from tests.support.stored_secrets import forget_secrets, ring, store_secrets

Captured = pytest.CaptureFixture[str]
OLD, NEW = (f"{name}:{base64.b64encode(name.encode() * 16).decode()}" for name in ("k1", "k2"))
NAME = "AUTHSESSION_SECRET_KEYS"


@pytest.fixture(autouse=True)
def environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)
    monkeypatch.setenv(NAME, f"{NEW},{OLD}")
    database.execute("truncate audit_events")
    yield
    forget_secrets(database)


def trail(database: Database) -> list[tuple[str, str, str | None, object]]:
    rows = database.execute(
        "select event, outcome, subject, details::text, caller, actor_type from audit_events order by audit_id"
    )
    assert {(row["caller"], row["actor_type"]) for row in rows} <= {("command_line", "command_line")}
    return [(row["event"], row["outcome"], row["subject"], json.loads(row["details"])) for row in rows]


def test_rewrap_tells_its_progress_and_its_result(database: Database, capsys: Captured) -> None:
    store_secrets(database, ring(OLD), b"one", b"two", count=300)
    assert main(["secrets", "rewrap"]) == 0
    said = capsys.readouterr()
    assert said.out == "data keys wrapped anew with the key k2: 600; left: 0\n"
    assert said.err == "500 of 600 data keys\n600 of 600 data keys\n"
    assert [details for *_, details in trail(database)] == [
        {"key_id": "k2", "count": 500},
        {"key_id": "k2", "count": 100},
    ]
    assert main(["secrets", "rewrap", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"key_id": "k2", "rewrapped": 0, "left": 0}


def test_a_row_that_was_changed_stops_rewrap_with_its_id(database: Database, capsys: Captured) -> None:
    _, second = store_secrets(database, ring(OLD), b"value", count=2)
    database.execute("update secrets set name = 'OTHER' where secret_id = $1", second)
    assert main(["secrets", "rewrap"]) == 1
    said = capsys.readouterr()
    assert said.out == "data keys wrapped anew with the key k2: 1; left: 1\n"
    assert f"authsession: version 1 of {second} cannot be unwrapped: its row was changed, or" in said.err
    assert main(["secrets", "rewrap", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "key_id": "k2", "rewrapped": 0, "left": 1,
        "unreadable": {"secret_id": second, "version": 1, "key_id": "k1"},
    }  # fmt: skip


def test_rewrap_names_a_key_that_the_list_lacks(
    database: Database, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secret_id,) = store_secrets(database, ring(OLD), b"value")
    monkeypatch.setenv(NAME, NEW)
    assert main(["secrets", "rewrap"]) == 1
    assert f"version 1 of {secret_id} cannot be unwrapped: {NAME} lacks the key k1" in capsys.readouterr().err
    monkeypatch.delenv(NAME)
    assert main(["secrets", "rewrap"]) == 78
    assert f"{NAME} is not set" in capsys.readouterr().err


def test_a_lost_key_is_abandoned_with_its_versions_alone(
    database: Database, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lost,), (kept,) = store_secrets(database, ring(OLD), b"one", b"two"), store_secrets(database, ring(NEW), b"three")
    assert main(["secrets", "abandon-key", "k1", "--yes"]) == 78
    assert "has the key k1, so it is not lost" in capsys.readouterr().err
    monkeypatch.setenv(NAME, NEW)
    assert main(["secrets", "abandon-key", "k1"]) == 1
    assert "This destroys 2 versions of secrets that need the key k1" in capsys.readouterr().err
    assert main(["secrets", "abandon-key", "k1", "--yes"]) == 0
    assert capsys.readouterr().out == "2 versions of secrets are destroyed\n"
    assert main(["secrets", "abandon-key", "k1", "--yes"]) == 1
    rows = database.execute(
        "select secret_id, state, current_version from secrets join secret_versions using (secret_id)"
    )
    assert {tuple(row) for row in rows} == {(lost, "destroyed", 0), (kept, "enabled", 1)}
    assert trail(database) == [("security.destroy_secret", "destroyed", lost, {"versions": [1, 2]})]


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[int, str]]]:
    """Runs a command whose standard output is a terminal. Returns its exit status and that output."""
    ours, its = os.openpty()

    def run(*command: str) -> tuple[int, str]:
        with os.fdopen(os.dup(its), "w") as terminal, monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", terminal)
            status = main(list(command))
            terminal.write("\0")
            terminal.flush()
        return status, os.read(ours, 100_000).decode().removesuffix("\0").replace("\r\n", "\n")

    yield run
    os.close(ours)
    os.close(its)


def test_a_value_is_revealed_on_a_terminal_alone_and_after_its_audit_row(
    database: Database, capsys: Captured, on_a_terminal: Callable[..., tuple[int, str]]
) -> None:
    (secret_id,) = store_secrets(database, ring(OLD), b"first", "sésame\n".encode())
    command = ("secrets", "reveal", secret_id, "--version", "2")
    assert main(list(command)) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == (
        "", "authsession: a value is printed on a terminal only: do not redirect the output\n",
    )  # fmt: skip
    assert trail(database) == []
    assert on_a_terminal(*command) == (0, "sésame\n\n")
    assert trail(database) == [("security.reveal_secret", "revealed", secret_id, {"version": 2})]


def test_without_its_audit_row_no_value_is_revealed(
    database: Database, capsys: Captured, on_a_terminal: Callable[..., tuple[int, str]]
) -> None:
    (secret_id,) = store_secrets(database, ring(OLD), b"value")
    database.execute("alter table audit_events add constraint no_row check (event <> 'security.reveal_secret')")
    try:
        assert on_a_terminal("secrets", "reveal", secret_id, "--version", "1") == (1, "")
    finally:
        database.execute("alter table audit_events drop constraint no_row")


def test_a_value_that_would_command_the_terminal_is_shown_in_base64(
    database: Database, capsys: Captured, on_a_terminal: Callable[..., tuple[int, str]]
) -> None:
    for value in (b"\x1b]0;title\x07", b"\xff\x00"):
        (secret_id,) = store_secrets(database, ring(OLD), value)
        shown = on_a_terminal("secrets", "reveal", secret_id, "--version", "1")
        assert shown == (0, base64.b64encode(value).decode() + "\n")
        assert "so it follows in base64" in capsys.readouterr().err


def test_a_value_that_cannot_be_read_gives_its_reason_and_an_audit_row(
    database: Database, capsys: Captured, on_a_terminal: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (changed,), (gone,) = (store_secrets(database, ring(OLD), b"value") for _ in range(2))
    (deleted,) = store_secrets(database, ring(OLD), b"value", deleted_ago="1 day")
    database.execute("update secrets set name = 'OTHER' where secret_id = $1", changed)
    database.execute("update secret_versions set state = 'disabled' where secret_id = $1", deleted)

    def said(secret_id: str, version: str = "1") -> str:
        assert on_a_terminal("secrets", "reveal", secret_id, "--version", version) == (1, "")
        return capsys.readouterr().err

    assert said(gone, "2") == f"authsession: version 2 of {gone} does not exist, or is destroyed\n"
    assert said(deleted) == f"authsession: {deleted} is deleted: undelete it first\n"
    assert said("secret-none") == "authsession: there is no secret secret-none\n"
    assert f"version 1 of {changed} cannot be opened: its row was changed\n" in said(changed)
    monkeypatch.setenv(NAME, NEW)
    assert said(gone) == f"authsession: {NAME} lacks the key of this version: put it back\n"
    assert [outcome for _, outcome, _, _ in trail(database)] == ["gone", "gone", "gone", "unreadable", "key_missing"]
