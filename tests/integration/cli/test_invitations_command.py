"""`authsession invitations` on a real database."""

import json

import pytest

from authsession.__main__ import main
from tests.support.builders import email_address, store_user
from tests.support.database import Database


@pytest.fixture(autouse=True)
def environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that names the database, without invitations of other tests."""
    database.execute("delete from invitations; delete from letters; delete from blocks; delete from audit_events;")
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)


def add(capsys: pytest.CaptureFixture[str], email: str, *more: str) -> dict[str, object]:
    assert main(["invitations", "add", email, "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_address_is_invited_and_renewed_in_the_name_of_the_person_at_the_terminal(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    email = email_address()
    assert main(["invitations", "add", email, "--send", "--language", "de", "--days", "30"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("invited until ")
    assert "a letter is on its way" in said
    assert add(capsys, email)["outcome"] == "renewed"
    rows = database.execute("select outcome, caller, actor_type from audit_events where event like '%write_invitation'")
    assert [tuple(row) for row in rows] == [(word, "command_line", "command_line") for word in ("invited", "renewed")]
    (letter,) = database.execute("select locale, email from letters")
    assert tuple(letter) == ("de", email)


def test_invitations_are_listed_for_people_and_for_programs(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    email = email_address()
    invitation_id = add(capsys, email)["invitation_id"]
    store_user(database, email=email)
    assert main(["invitations", "list"]) == 0
    heads, line = capsys.readouterr().out.splitlines()
    assert heads.split() == ["INVITATION", "E-MAIL", "STATUS", "EXPIRES"]
    assert line.split()[:3] == [invitation_id, email, "accepted"]
    assert main(["invitations", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["invitations"][0]["email"] == email


def test_a_withdrawal_asks_first(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    invitation_id = str(add(capsys, email_address())["invitation_id"])
    assert main(["invitations", "delete", invitation_id]) == 1
    assert "repeat the command with --yes" in capsys.readouterr().err
    assert len(database.execute("select from invitations")) == 1
    assert main(["invitations", "delete", invitation_id, "--yes"]) == 0
    assert database.execute("select from invitations") == []
    assert main(["invitations", "delete", invitation_id, "--yes"]) == 1
    assert "invitations list` prints them" in capsys.readouterr().err


def test_a_blocked_address_is_not_invited(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    email = email_address()
    database.execute(
        """
        with address as (insert into emails (folded, created_at) values ($1, clock_now()) returning email_id)
        insert into blocks (email_id, reason_code, actor_type, created_at)
        select email_id, 'test', 'test', clock_now() from address
        """,
        email,
    )
    assert main(["invitations", "add", email]) == 1
    assert "blocked" in capsys.readouterr().err
    assert database.execute("select from invitations") == []


@pytest.mark.parametrize("more", [["nobody"], ["a@example.com", "--days", "91"], ["a@example.com", "--days", "x"]])
def test_a_wrong_argument_is_refused(more: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["invitations", "add", *more])
    assert left.value.code == 2
