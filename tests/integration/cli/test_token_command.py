"""`authsession token` on a real database: makes, lists and revokes tokens, and leaves no secret behind."""

import getpass
import hashlib
import io
import json
import re
from datetime import timedelta

import pytest

from authsession.__main__ import main
from tests.support.database import Database

CREATE = ["token", "create", "--name", "nightly report", "--scope", "sessions:read", "--scope", "users:read"]


@pytest.fixture(autouse=True)
def no_tokens(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that names the database."""
    database.execute("delete from api_tokens; delete from audit_events;")
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)


def test_standard_output_is_the_secret_alone_and_postgres_keeps_its_hash(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(CREATE) == 0
    said = capsys.readouterr()
    secret = said.out.strip()
    assert re.fullmatch(r"authsession_token_[A-Za-z0-9_-]{43}", secret)
    (row,) = database.execute("select * from api_tokens")
    assert row["token_hash"] == hashlib.sha256(secret.encode()).digest()
    assert secret.startswith(row["prefix"])
    assert len(row["prefix"]) == len("authsession_token_") + 6
    assert row["created_by"] is None
    assert row["scopes"] == ["sessions:read", "users:read"]
    assert row["expires_at"] - row["created_at"] == timedelta(days=90)
    assert row["token_id"] in said.err
    assert secret not in said.err


def test_the_audit_trail_says_who_made_it_and_what_it_may(database: Database) -> None:
    assert main(CREATE) == 0
    (token_id,) = database.execute("select token_id from api_tokens")[0]
    (row,) = database.execute("select * from audit_events")
    found = (row["event"], row["outcome"], row["caller"], row["actor_type"], row["actor_id"], row["subject"])
    assert found == ("security.create_token", "created", "command_line", "command_line", getpass.getuser(), token_id)
    assert json.loads(row["details"]) == {"scopes": ["sessions:read", "users:read"]}
    assert row["network"] is None


def test_tokens_are_listed_newest_first_without_their_secrets(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(CREATE) == 0
    assert main(["token", "create", "--name", "gateway", "--scope", "sessions:read", "--days", "1"]) == 0
    secrets = capsys.readouterr().out.split()
    assert main(["token", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith(name) for line, name in zip(lines, ("gateway", "nightly report"), strict=True)] == [True] * 2
    assert " active until " in lines[0]
    assert " never used " in lines[0]
    assert not any(secret in line for secret in secrets for line in lines)


def test_a_revocation_is_told_once_and_a_repeat_says_so(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(CREATE) == 0
    (token_id,) = database.execute("select token_id from api_tokens")[0]
    capsys.readouterr()
    assert main(["token", "revoke", token_id, "--yes"]) == 0
    assert main(["token", "revoke", token_id, "--yes"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{token_id} is revoked", f"{token_id} was already revoked"]
    events = database.execute("select event, outcome, subject, reason_code from audit_events order by audit_id")
    assert [tuple(row) for row in events[1:]] == [
        ("security.revoke_token", "revoked", token_id, "command_line_revoke"),
        ("security.revoke_token", "already_revoked", token_id, "command_line_revoke"),
    ]


def test_a_revocation_asks_first(
    database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(CREATE) == 0
    ((token_id,),) = database.execute("select token_id from api_tokens")
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["token", "revoke", token_id]) == 1
    assert capsys.readouterr().err == (
        f"authsession: This revokes the token {token_id} at once: calls with it are refused from then on: "
        "repeat the command with --yes\n"
    )
    assert [row["event"] for row in database.execute("select event from audit_events")] == ["security.create_token"]


def test_a_token_that_is_not_there_is_one_sentence(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "revoke", "token-of-nobody", "--yes"]) == 1
    assert capsys.readouterr().err == (
        "authsession: there is no token token-of-nobody; `authsession token list` prints them\n"
    )
    (row,) = database.execute("select outcome, subject from audit_events")
    assert tuple(row) == ("token_not_found", "token-of-nobody")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--name", "x", "--scope", "sessions:everything"],
        ["--name", "x"],
        ["--scope", "sessions:read"],
        ["--name", " ", "--scope", "sessions:read"],
        ["--name", "a\x1b[2Jb", "--scope", "sessions:read"],
        ["--name", "n" * 101, "--scope", "sessions:read"],
        *(["--name", "x", "--scope", "sessions:read", "--days", days] for days in ("0", "-1", "366", "1.5", "never")),
    ],
)
def test_a_wrong_command_line_makes_nothing(
    database: Database, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["token", "create", *arguments])
    assert exit_.value.code == 2
    assert "usage" in capsys.readouterr().err
    assert database.execute("select from api_tokens") == []
    assert database.execute("select from audit_events") == []


def test_a_scope_that_does_not_exist_is_answered_with_those_that_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["token", "create", "--name=x", "--scope=sessions:reed"])
    said = " ".join(capsys.readouterr().err.split())
    assert "must be one of sessions:read, sessions:revoke" in said
