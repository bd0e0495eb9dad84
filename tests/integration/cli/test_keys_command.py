"""`authsession keys` on a real database: which keys what is stored still needs."""

from itertools import takewhile

import pytest

from authsession.__main__ import main
from shared.kernel.keyring import KeyRing
from shared.kernel.mail_connection import MailConnection
from tests.support.audit_trail import KEYS, OLD_AND_NEW_KEYS, add_rows, empty_trail, seal_all
from tests.support.mail_connections import set_default
from tests.support.stack import AUDIT_KEYS, CONFIG_KEYS, COOKIE_KEYS, LOGIN_CODE_KEYS, SEALING_KEYS
from tests.support.world import World

Captured = pytest.CaptureFixture[str]
NEW = "k2:" + "YW5vdGhlci1hdWRpdC1rZXktb2YtdGVzdHMtMzItYnk="


@pytest.fixture(autouse=True)
def environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    empty_trail(world)
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", world.database.owner_dsn)
    for name, keys in (("LOGIN_CODE", LOGIN_CODE_KEYS), ("SEALING", SEALING_KEYS), ("COOKIE", COOKIE_KEYS)):
        monkeypatch.setenv(f"AUTHSESSION_{name}_KEYS", keys)


def status(monkeypatch: pytest.MonkeyPatch, capsys: Captured, audit_keys: str) -> tuple[int, list[str], str]:
    """Exit status, the lines about audit keys, and what was complained of."""
    monkeypatch.setenv("AUTHSESSION_AUDIT_KEYS", audit_keys)
    returned = main(["keys", "status"])
    said = capsys.readouterr()
    return returned, lines_of("AUTHSESSION_AUDIT_KEYS", said.out), said.err


def lines_of(ring: str, out: str) -> list[str]:
    """The lines about one ring."""
    _, _, after = out.partition(f"{ring}\n")
    return [" ".join(line.split()) for line in takewhile(lambda line: line.startswith(" "), after.splitlines())]


def test_a_new_key_is_printed_as_a_ring_takes_it(capsys: Captured) -> None:
    assert main(["keys", "new", "k7"]) == 0
    assert main(["keys", "new", "AUTHSESSION_SECRET_KEYS"]) == 0
    first, second = capsys.readouterr().out.split()
    assert [key.id for key in KeyRing.parse("test", first)] == ["k7"]
    assert len(KeyRing.parse("test", f"{first},{second}")) == 2


def test_a_text_that_is_no_id_is_refused(capsys: Captured) -> None:
    assert main(["keys", "new", "a b"]) == 78
    assert "1 to 32 letters, digits" in capsys.readouterr().err


def test_a_key_is_needed_while_seals_made_with_it_are_there(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert status(monkeypatch, capsys, AUDIT_KEYS) == (0, ["k1 writes"], "")
    add_rows(world, 1)
    seal_all(world, KEYS)
    assert status(monkeypatch, capsys, AUDIT_KEYS)[1] == ["k1 writes; 1 seal of the audit trail needs it"]
    add_rows(world, 2)
    seal_all(world, KEYS)
    assert status(monkeypatch, capsys, AUDIT_KEYS)[1] == ["k1 writes; 3 seals of the audit trail need it"]
    assert status(monkeypatch, capsys, f"{NEW},{AUDIT_KEYS}")[1] == [
        "k2 writes",
        "k1 3 seals of the audit trail need it",
    ]
    assert status(monkeypatch, capsys, f"{AUDIT_KEYS},{NEW}")[1][1] == "k2 may be removed"


def test_a_key_that_is_needed_and_missing_is_a_failure(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    add_rows(world, 3)
    seal_all(world, OLD_AND_NEW_KEYS)
    returned, lines, complaint = status(monkeypatch, capsys, AUDIT_KEYS)
    assert returned == 1
    assert lines == ["k1 writes", "k2 missing: 3 seals of the audit trail need it; put it back"]
    assert complaint == "authsession: AUTHSESSION_AUDIT_KEYS lacks the key k2: put it back\n"


def test_no_secret_is_printed(world: World, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("AUTHSESSION_AUDIT_KEYS", AUDIT_KEYS)
    monkeypatch.setenv("AUTHSESSION_CONFIG_KEYS", CONFIG_KEYS)
    assert main(["keys", "status"]) == 0
    said = capsys.readouterr()
    for keys in (AUDIT_KEYS, CONFIG_KEYS, COOKIE_KEYS, LOGIN_CODE_KEYS, SEALING_KEYS):
        assert keys.partition(":")[2] not in said.out + said.err


def test_the_key_of_the_default_mail_connection_is_needed(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    keys = KeyRing.parse("test", SEALING_KEYS.replace("k1:", "of-mail:"))
    set_default(world.database, MailConnection("mail_rest", {"base_url": "https://mail.example.com"}, {}), keys=keys)
    monkeypatch.setenv("AUTHSESSION_AUDIT_KEYS", AUDIT_KEYS)
    assert main(["keys", "status"]) == 1
    said = capsys.readouterr()
    assert "of-mail missing: 1 mail connection needs it; put it back" in lines_of("AUTHSESSION_SEALING_KEYS", said.out)
    set_default(world.database, None)
