"""`authsession settings` on a real database: row, version, history and audit row change together or not at all."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import asyncpg
import pytest

from authsession.__main__ import main
from authsession.database import connect
from authsession.settings import PARSERS, change_setting
from shared.kernel.actor import Actor
from tests.support.database import Database

ACTOR = Actor("command_line", "someone")


@pytest.fixture(autouse=True)
def defaults(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings as a new installation has them, and the environment that names the database."""
    database.execute(
        "truncate settings, settings_changes; insert into settings default values; delete from audit_events;"
    )
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", database.owner_dsn)


def change(database: Database, name: str, text: str) -> bool:
    async def run() -> bool:
        async with connect(database.owner_dsn) as connection:
            return await change_setting(connection, name, text, ACTOR)

    return asyncio.run(run())


def row(database: Database) -> asyncpg.Record:
    return database.execute("select * from settings")[0]


def test_every_setting_of_the_row_can_be_set(database: Database) -> None:
    assert set(PARSERS) == set(row(database).keys()) - {"only_row", "version"}


def test_a_change_is_in_the_row_the_history_and_the_audit_trail(database: Database) -> None:
    assert change(database, "session_limit", "3")
    assert (row(database)["session_limit"], row(database)["version"]) == (3, 2)
    (history,) = database.execute("select * from settings_changes")
    assert (history["version"], history["name"], history["old_value"], history["new_value"]) == (
        2,
        "session_limit",
        "0",
        "3",
    )
    assert (history["actor_type"], history["actor_id"]) == ("command_line", "someone")
    (audit,) = database.execute("select * from audit_events")
    assert (audit["event"], audit["outcome"]) == ("security.change_setting", "changed")


def test_the_same_value_again_changes_nothing(database: Database) -> None:
    change(database, "session_max_age", "90d")
    assert not change(database, "session_max_age", "90d")
    assert (row(database)["session_max_age"], row(database)["version"]) == (timedelta(days=90), 2)
    assert database.execute("select count(*) from settings_changes")[0]["count"] == 1


def test_changes_at_the_same_time_lose_nothing(database: Database) -> None:
    changes = [("session_limit", "5"), ("session_limit_policy", "revoke_oldest"), ("require_client_key_proof", "true")]
    with ThreadPoolExecutor(3) as threads:
        assert all(threads.map(lambda each: change(database, *each), changes))
    found = row(database)
    assert (found["session_limit"], found["session_limit_policy"], found["require_client_key_proof"]) == (
        5,
        "revoke_oldest",
        True,
    )
    versions = database.execute("select version from settings_changes order by version")
    assert [each["version"] for each in versions] == [2, 3, 4]


def test_the_command_sets_and_gets(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "set", "session_limit", "3"]) == 0
    assert main(["settings", "get", "session_limit"]) == 0
    assert main(["settings", "get"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "session_limit is now 3",
        "3",
        "session_limit 3",
        "session_limit_policy reject",
        "session_max_age 365d",
        "require_client_key_proof false",
        "challenge_retention 7d",
        "known_network_retention 90d",
        "revoked_session_retention 90d",
        "expired_block_retention 30d",
    ]


def test_a_wrong_value_is_one_sentence_and_changes_nothing(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["settings", "set", "session_limit", "many"]) == 1
    said = capsys.readouterr()
    assert said.err == ("authsession: session_limit must be a whole number from 0 (no limit) to 10000, not 'many'\n")
    assert said.out == ""
    assert row(database)["version"] == 1
