"""`authsession operator` on a real database: what it prints, what it changes, and who the trail says did it."""

import getpass
import io
import re
from datetime import timedelta

import asyncpg
import pytest

from authsession.__main__ import main
from services.internal_admin.operators.domain.argon2id import Argon2Cost, hash_text, is_among
from services.internal_admin.operators.domain.login import Lockout, LoggedIn
from services.internal_admin.operators.domain.owner_setup import hash_of_setup_code
from services.internal_admin.operators.domain.readable_code import read_readable_code
from services.internal_admin.operators.store import accounts
from shared.kernel.entropy import SystemEntropy
from tests.support.database import Database
from tests.support.operator_accounts import CALLER, account_of, opening
from tests.support.world import World

OPERATOR_ID = "operator-01"
CHEAP = Argon2Cost(memory_kibibytes=8, passes=1)


@pytest.fixture(autouse=True)
def _environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)
    database.execute("truncate operators cascade")
    database.execute("delete from audit_events")


@pytest.fixture
def owner(database: Database) -> None:
    """Ada, with a session and a token."""
    database.execute(
        """
        insert into operators (operator_id, user_name, is_owner, password_hash, password_changed_at,
                               recovery_code_hashes, recovery_codes_made_at, created_at)
        values ($1, 'ada', true, $2, clock_now(), array['old', 'codes'], clock_now(), clock_now())
        """,
        OPERATOR_ID,
        hash_text("secret", CHEAP, SystemEntropy()),
    )
    database.execute(
        """
        insert into operator_sessions (operator_session_id, operator_id, token_hash, created_at, renewed_at, expires_at)
        values ('operator-session-01', $1, sha256('session'), clock_now(), clock_now(), clock_now() + interval '1 day')
        """,
        OPERATOR_ID,
    )
    database.execute(
        """
        insert into api_tokens (token_id, name, prefix, token_hash, scopes, created_by, created_at, expires_at)
        values ('token-01', 'ci', 'x', sha256('token'), array['sessions:read'], $1, clock_now(),
                clock_now() + interval '1 day')
        """,
        OPERATOR_ID,
    )


def operator(database: Database) -> asyncpg.Record:
    return database.execute("select * from operators")[0]


def audited(database: Database) -> list[tuple[str, ...]]:
    """Event, outcome, caller, actor and subject of each row, oldest first."""
    sql = "select event, outcome, caller, actor_type, actor_id, subject from audit_events order by audit_id"
    return [tuple(row) for row in database.execute(sql)]


def by_me(event: str, outcome: str, subject: str | None = OPERATOR_ID) -> tuple[str | None, ...]:
    return f"security.{event}", outcome, "command_line", "command_line", getpass.getuser(), subject


def is_everything_revoked(database: Database) -> bool:
    tables = ("operator_sessions", "api_tokens")
    return not any(database.execute(f"select from {table} where revoked_at is null") for table in tables)


def test_a_setup_code_is_all_that_stdout_gets_and_postgres_keeps_its_hash(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["operator", "setup-code"]) == 0
    said = capsys.readouterr()
    code = said.out.strip()
    assert re.fullmatch("[A-HJ-NP-Z2-9]{4}(-[A-HJ-NP-Z2-9]{4}){2}", code)
    assert "15 minutes" in said.err
    (row,) = database.execute("select *, setup_code_expires_at - clock_now() as left from owner_setup")
    assert row["setup_code_hash"] == hash_of_setup_code(code)
    assert 14 * 60 < row["left"].total_seconds() <= 15 * 60
    assert audited(database) == [by_me("issue_setup_code", "issued", None)]


def test_a_setup_code_can_be_had_again_and_again(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(20):
        assert main(["operator", "setup-code"]) == 0
    *_, last = capsys.readouterr().out.split()
    assert database.execute("select setup_code_hash from owner_setup")[0][0] == hash_of_setup_code(last)


def test_with_an_owner_there_is_no_setup_code(
    database: Database, owner: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["operator", "setup-code"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("authsession: there is already an owner")
    assert audited(database) == [by_me("issue_setup_code", "owner_exists", None)]


def test_the_list_tells_ids_names_and_states_and_no_secret(
    database: Database, owner: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["operator", "list"]) == 0
    database.execute("update operators set locked_until = '2100-01-01Z', failed_logins = 5")
    assert main(["operator", "list"]) == 0
    database.execute("update operators set disabled_at = clock_now()")
    assert main(["operator", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "operator-01 ada owner active",
        "operator-01 ada owner locked until 2100-01-01T00:00:00Z",
        "operator-01 ada owner disabled",
    ]


@pytest.mark.parametrize("name", ["ada", "ADA", OPERATOR_ID])
def test_disabling_ends_everything_and_enabling_opens_nothing_again(
    database: Database, owner: None, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["operator", "disable", name, "--yes"]) == 0
    assert operator(database)["disabled_at"] is not None
    assert is_everything_revoked(database)
    assert main(["operator", "disable", name, "--yes"]) == 0
    assert main(["operator", "enable", name]) == 0
    assert operator(database)["disabled_at"] is None
    assert is_everything_revoked(database)
    assert main(["operator", "enable", name]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ada is disabled; sessions ended: 1, tokens ended: 1",
        "ada was already disabled",
        "ada may log in again",
        "ada was not disabled",
    ]
    assert audited(database) == [
        by_me("disable_operator", "disabled"),
        by_me("disable_operator", "already_disabled"),
        by_me("enable_operator", "enabled"),
        by_me("enable_operator", "already_enabled"),
    ]


def test_a_reset_leaves_one_recovery_code_and_nothing_else(
    database: Database, world: World, owner: None, capsys: pytest.CaptureFixture[str]
) -> None:
    database.execute("update operators set failed_logins = 5, locked_until = clock_now() + interval '1 hour'")
    before = operator(database)
    assert main(["operator", "reset", "ada", "--yes"]) == 0
    said = capsys.readouterr()
    assert re.fullmatch("[a-hj-np-z2-9]{4}(-[a-hj-np-z2-9]{4}){2}\n", said.out)
    row = operator(database)
    assert len(row["recovery_code_hashes"]) == 1
    assert is_among(read_readable_code(said.out.strip()) or "", row["recovery_code_hashes"])
    assert row["password_hash"] != before["password_hash"]
    assert not is_among("secret", [row["password_hash"]])
    assert (row["failed_logins"], row["locked_until"]) == (0, None)
    assert is_everything_revoked(database)
    assert "sessions ended: 1, tokens ended: 1" in said.err
    assert audited(database) == [by_me("reset_operator", "reset")]


def test_a_reset_says_that_a_disabled_operator_stays_so(
    database: Database, owner: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["operator", "disable", "ada", "--yes"]) == 0
    assert main(["operator", "reset", "ada", "--yes"]) == 0
    assert "operator enable" in capsys.readouterr().err
    assert operator(database)["disabled_at"] is not None


@pytest.mark.parametrize("action", ["disable", "reset"])
@pytest.mark.parametrize(("is_terminal", "typed"), [(False, "y\n"), (True, "\n"), (True, "n\n"), (True, "")])
def test_a_destructive_action_changes_nothing_without_consent(
    database: Database,
    owner: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    action: str,
    is_terminal: bool,
    typed: str,
) -> None:
    _type(monkeypatch, typed, is_terminal=is_terminal)
    before = operator(database)
    assert main(["operator", action, "ada"]) == 1
    assert (operator(database), audited(database)) == (before, [])
    said = capsys.readouterr()
    assert said.out == ""
    assert "every session and token" in said.err
    assert ("--yes" in said.err) is not is_terminal


def test_a_destructive_action_goes_on_when_the_person_agrees(
    database: Database, owner: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _type(monkeypatch, "y\n", is_terminal=True)
    assert main(["operator", "disable", "ada"]) == 0
    assert is_everything_revoked(database)


def _type(monkeypatch: pytest.MonkeyPatch, text: str, *, is_terminal: bool) -> None:
    terminal = io.StringIO(text)
    monkeypatch.setattr(terminal, "isatty", lambda: is_terminal)
    monkeypatch.setattr("sys.stdin", terminal)


@pytest.mark.parametrize("action", ["disable", "enable", "reset"])
def test_a_name_that_nobody_has_is_one_sentence_and_stays_out_of_the_trail(
    database: Database, owner: None, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    assert main(["operator", action, "hunter2", *(["--yes"] if action != "enable" else [])]) == 1
    said = capsys.readouterr()
    assert said.err == (
        "authsession: there is no operator of that name or id; `authsession operator list` prints them\n"
    )
    assert said.out == ""
    assert audited(database) == [by_me(f"{action}_operator", "operator_not_found", None)]


def test_disabling_ends_the_session_opened_just_before_and_refuses_the_log_in_just_after(
    database: Database, world: World, owner: None
) -> None:
    assert isinstance(_log_in(world), LoggedIn)
    assert main(["operator", "disable", "ada", "--yes"]) == 0
    assert is_everything_revoked(database)
    assert not isinstance(_log_in(world), LoggedIn)


def _log_in(world: World) -> object:
    judged = accounts.JudgedLogIn(account_of(world), is_right=True, new_hash=None, opening=opening(), caller=CALLER)
    return world.call(
        world.internal.unit_of_work, accounts.log_in, judged=judged, lockout=Lockout(5, timedelta(minutes=15))
    )
