"""`authsession secrets put` and the other changes on a real database: a value goes in, and is never printed."""

import io
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from authsession.__main__ import main
from tests.support.database import Database
from tests.support.stored_secrets import forget_secrets

Captured = pytest.CaptureFixture[str]
VALUE = "a value of the command line"


class Piped:
    """Standard input that is no terminal."""

    def __init__(self, text: str) -> None:
        self.buffer = io.BytesIO(text.encode())

    def isatty(self) -> bool:
        return False

    def readline(self) -> str:
        return ""


@pytest.fixture(autouse=True)
def environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)
    monkeypatch.setenv("AUTHSESSION_SECRET_KEYS", "k1:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
    yield
    forget_secrets(database)


def run(capsys: Captured, monkeypatch: pytest.MonkeyPatch, *arguments: str, given: str = "") -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "stdin", Piped(given))
    status = main(["secrets", *arguments])
    said = capsys.readouterr()
    assert VALUE not in said.out + said.err
    return status, said.out, said.err


def test_a_secret_goes_its_way_from_the_command_line(
    database: Database, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("insert into node_pools (pool, created_at) values ('cli', clock_now()) on conflict do nothing")

    def call(*arguments: str, given: str = "", status: int = 0) -> str:
        done = run(capsys, monkeypatch, *arguments, given=given)
        assert done[0] == status, done
        return done[1] + done[2]

    assert "; version 1" in call("put", "MODEL_KEY", "--expected-version", "0", given=VALUE + "\n")
    assert "the last version is 1" in call("put", "MODEL_KEY", "--expected-version", "0", given=VALUE, status=1)
    assert "must not be empty" in call("put", "MODEL_KEY", given="\n", status=1)
    assert "pool not found" in call("put", "MODEL_KEY", "--pool", "nowhere", given=VALUE, status=1)
    [shown] = json.loads(call("list", "--json", "--name", "MODEL_KEY"))["secrets"]
    secret_id = shown["secret_id"]
    assert "granted" in call("grant", secret_id, "cli")
    whole: dict[str, Any] = json.loads(call("show", secret_id, "--json"))["secret"]
    assert [each["grantee"] for each in whole["grants"]] == ["cli"]
    assert "withdrawn" in call("withdraw", secret_id, "cli")
    assert "version 2" in call("restore", secret_id, "--version", "1")
    assert "--yes" in call("destroy", secret_id, "--version", "1", status=1)
    assert "destroyed" in call("destroy", secret_id, "--version", "1", "--yes")
    assert "--yes" in call("delete", secret_id, status=1)
    assert "deleted" in call("delete", secret_id, "--yes")
    assert "deleted" in call("list")
    assert "undeleted" in call("undelete", secret_id)
    assert "MODEL_KEY" in call("show", secret_id)
    assert "there is no secret" in call("show", "secret-nobody", status=1)


def test_a_refusal_names_the_command_that_helps(
    database: Database, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("insert into node_pools (pool, created_at) values ('cli', clock_now()) on conflict do nothing")

    def refused(*arguments: str, given: str = "") -> str:
        status, _, complaint = run(capsys, monkeypatch, *arguments, given=given)
        assert status == 1
        return complaint

    assert "`authsession nodes pools` prints the pools" in refused("put", "KEY", "--pool", "nowhere", given=VALUE)
    assert "`authsession agents list` prints the ids" in refused("put", "KEY", "--agent", "desk", given=VALUE)
    run(capsys, monkeypatch, "put", "KEY", given=VALUE)
    run(capsys, monkeypatch, "put", "OWN", "--usage", "system", given=VALUE)
    listed = json.loads(run(capsys, monkeypatch, "list", "--json")[1])["secrets"]
    key, own = (next(each["secret_id"] for each in listed if each["name"] == name) for name in ("KEY", "OWN"))
    shows = f"`authsession secrets show {key}` prints"
    assert shows in refused("withdraw", key, "nowhere")
    assert shows in refused("restore", key, "--version", "9")
    assert shows in refused("destroy", key, "--version", "9", "--yes")
    conflict = refused("put", "KEY", "--expected-version", "7", given=VALUE)
    assert "`authsession secrets list --name KEY` prints it" in conflict
    assert "of the usage system" in refused("grant", own, "cli")
    run(capsys, monkeypatch, "delete", key, "--yes")
    assert "`authsession secrets undelete SECRET`" in refused("restore", key, "--version", "1")


def test_no_value_is_written_without_a_key(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTHSESSION_SECRET_KEYS")
    status, _, complaint = run(capsys, monkeypatch, "put", "MODEL_KEY", given=VALUE)
    assert (status, "secret keys missing: set AUTHSESSION_SECRET_KEYS" in complaint) == (1, True)
