"""A thief of the public role writes no time that no process can read, and no session of another time (SPEC §1.2)."""

from datetime import timedelta

import asyncpg
import pytest

from shared.db.migrate import SCHEMA
from tests.support.builders import StoredUser, store_user
from tests.support.database import Database, run_sql

OWN_RULES = {"audit_events": "has an older check", "projection_keeper": "only the keeper writes it"}
STRANGE = ("infinity", "-infinity", "0044-03-15 BC", "290000-01-01")
NEW_SESSION = (
    "insert into device_sessions"
    " (device_session_id, user_id, client_public_key, login_code_id, challenge_id, created_at) values"
    " ('device-session-' || gen_random_uuid(), '{user}', sha256('x'), gen_random_uuid(), gen_random_uuid()::text, {at})"
)


@pytest.fixture
def user(database: Database) -> StoredUser:
    return store_user(database)


def test_every_time_that_the_public_role_writes_has_bounds(database: Database) -> None:
    columns = database.execute(
        """
        select distinct c.table_name, c.column_name
          from information_schema.column_privileges p join information_schema.columns c
            using (table_schema, table_name, column_name)
         where p.grantee = 'authsession_public' and p.privilege_type in ('INSERT', 'UPDATE') and c.table_schema = $1
           and c.data_type = 'timestamp with time zone'
        """,
        SCHEMA,
    )
    rules = {
        row["name"]: row["rules"]
        for row in database.execute(
            "select conrelid::regclass::text as name, string_agg(pg_get_constraintdef(oid), ' ') as rules "
            "from pg_constraint where contype = 'c' group by 1"
        )
    }
    written_by_trigger = {("session_notices", "created_at")}
    unbounded = [
        (table, column)
        for table, column in columns
        if table not in OWN_RULES
        and (table, column) not in written_by_trigger
        and not all(f"{column} {sign} '{year}-01-01" in rules[table] for sign, year in ((">=", 2000), ("<=", 9999)))
    ]
    assert columns
    assert unbounded == []


@pytest.mark.parametrize("at", STRANGE)
def test_a_session_of_no_readable_time_is_not_stored(database: Database, user: StoredUser, at: str) -> None:
    """It would keep every block of its user from being carried out."""
    for dsn in (database.public_dsn, database.internal_dsn):
        with pytest.raises((asyncpg.CheckViolationError, asyncpg.InsufficientPrivilegeError)):
            run_sql(dsn, NEW_SESSION.format(user=user.user_id, at=f"'{at}'"))


@pytest.mark.parametrize("offset", ["1 year", "-2 minutes"])
def test_the_public_role_opens_no_session_of_another_time(database: Database, user: StoredUser, offset: str) -> None:
    statement = NEW_SESSION.format(user=user.user_id, at=f"clock_timestamp() + interval '{offset}'")
    for settings in ("", f"set authsession.clock_offset = '{offset}';"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            run_sql(database.public_dsn, settings + statement)
    run_sql(database.internal_dsn, statement)


def test_the_time_of_a_session_follows_the_clock_of_the_owner(database: Database, user: StoredUser) -> None:
    database.travel(timedelta(days=3))
    run_sql(database.public_dsn, NEW_SESSION.format(user=user.user_id, at="clock_now()"))
