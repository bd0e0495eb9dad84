"""A stranger holds the connection of the public role and speaks plain SQL (SPEC §1.2): what it can do."""

import asyncio
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import asyncpg
import pytest
import trio

from services.internal_admin.lock_watch.worker import Blockers
from shared.kernel.entropy import SystemEntropy
from tests.support.background import background
from tests.support.builders import StoredUser, store_session, store_user
from tests.support.database import Database, run_sql
from tests.support.world import World

UPDATED_BY_THE_PUBLIC_ROLE = (
    "emails", "login_codes", "challenges", "mail_deliveries", "known_networks", "projection_keeper", "letters",
)  # fmt: skip
STRONG_LOCKS = ("share", "share row exclusive", "exclusive", "access exclusive")


@pytest.fixture
def user(database: Database) -> StoredUser:
    return store_user(database)


@pytest.fixture(scope="module")
def guarded(world: World) -> World:
    """With the internal process' watch."""

    async def watch(task_status: trio.TaskStatus[None]) -> None:
        await Blockers(world.internal).run(task_status=task_status)

    world.enter(background, watch)
    return world


@contextmanager
def attacker(database: Database) -> Generator["Attacker"]:
    """An open session of the public role, in a transaction that it never ends."""
    with ThreadPoolExecutor(1) as thread:
        held = Attacker(database, thread)
        try:
            yield held
        finally:
            held.stop()


class Attacker:
    def __init__(self, database: Database, thread: ThreadPoolExecutor) -> None:
        self._database = database
        self._thread = thread
        self._holding = True

    def hold(self, sql: str) -> None:
        """Run `sql` in a transaction that stays open. Returns once it has what it wanted."""
        marker = SystemEntropy().token_bytes(8).hex()
        self._thread.submit(self._hold, sql, marker)
        deadline = time.monotonic() + 10
        sleeping = "select from pg_stat_activity where application_name = $1 and query like 'select pg_sleep%'"
        while not self._database.execute(sleeping, marker):
            assert time.monotonic() < deadline, "the attacker got no lock"
            time.sleep(0.02)

    def stop(self) -> None:
        self._database.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and query like 'select pg_sleep%'"
        )

    def _hold(self, sql: str, marker: str) -> None:
        script = f"set application_name = '{marker}'; set lock_timeout = 0; begin; {sql}; commit"
        begin, commit = script.rsplit(";", 1)
        try:
            run_sql_stepwise(self._database.public_dsn, begin, "select pg_sleep(60)", commit)
        except (asyncpg.PostgresError, OSError, asyncpg.InterfaceError):
            return


def run_sql_stepwise(dsn: str, *steps: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(dsn, ssl=False, server_settings={"search_path": "authsession"})
        try:
            for step in steps:
                await connection.execute(step)
        finally:
            connection.terminate()

    asyncio.run(run())


def revoke(world: World, session_id: str) -> float:
    """As the internal process does, by its role; the seconds it took."""
    began = time.monotonic()

    async def body(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.execute(
                "update emails set version = version + 1 from device_sessions join users using (user_id) "
                "where device_session_id = $1 and emails.email_id = users.email_id",
                session_id,
            )
            await connection.execute(
                "update device_sessions set status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'x', "
                "revoke_actor_type = 'system' where device_session_id = $1",
                session_id,
            )
            await connection.execute(
                "insert into projection_outbox (device_session_id, enqueued_at, available_at) "
                "values ($1, clock_now(), clock_now())",
                session_id,
            )

    world.call(world.internal.unit_of_work, body)
    return time.monotonic() - began


@pytest.mark.parametrize("table", UPDATED_BY_THE_PUBLIC_ROLE)
@pytest.mark.parametrize("mode", STRONG_LOCKS)
def test_it_cannot_lock_a_table(database: Database, table: str, mode: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        run_sql(database.public_dsn, f"begin; lock table {table} in {mode} mode; commit")


@pytest.mark.parametrize(
    "lock",
    [
        "select from emails for update",
        "update emails set version = version + 1",
        "lock table projection_outbox in access exclusive mode",
        "delete from projection_outbox",
    ],
)
def test_a_revocation_waits_a_second_for_its_locks_and_then_ends_it(
    guarded: World, user: StoredUser, lock: str
) -> None:
    session_id = store_session(guarded.database, user).device_session_id
    with attacker(guarded.database) as held:
        held.hold(lock)
        assert revoke(guarded, session_id) < 3


def test_several_of_its_sessions_in_a_row_are_ended_together(guarded: World, user: StoredUser) -> None:
    session_id = store_session(guarded.database, user).device_session_id
    with attacker(guarded.database) as first, attacker(guarded.database) as second:
        first.hold("select from emails for update")
        second.hold(f"select pg_advisory_xact_lock(hashtextextended('user {user.user_id}', 0))")
        assert revoke(guarded, session_id) < 3


def test_nobody_elses_session_is_ever_ended(database: Database) -> None:
    """The function spares whoever is not of the public role, and whoever is of another database."""
    with ThreadPoolExecutor(2) as threads:
        holder = threads.submit(
            run_sql_stepwise, database.internal_dsn, "begin; select from settings for update", "select pg_sleep(1.6)"
        )
        time.sleep(0.2)
        waiter = threads.submit(
            run_sql, database.owner_dsn, "update settings set session_limit = session_limit; select 1"
        )
        time.sleep(1.2)
        [row] = run_sql(database.internal_dsn, "select end_public_blockers('0') as ended")
        assert row["ended"] == 0
        holder.result()
        waiter.result()


def test_it_cannot_end_anybody(database: Database) -> None:
    for sql in (
        "select end_public_blockers('0')",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authsession_internal'",
    ):
        held = run_sql_in_background(database)
        with held, pytest.raises(asyncpg.InsufficientPrivilegeError):
            run_sql(database.public_dsn, sql)


@contextmanager
def run_sql_in_background(database: Database) -> Generator[None]:
    """A session of the internal role while it lasts."""
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(run_sql_stepwise, database.internal_dsn, "select pg_sleep(0.5)")
        time.sleep(0.2)
        yield
        running.result()


def test_rows_that_it_writes_into_the_trail_name_the_public_process(database: Database) -> None:
    run_sql(
        database.public_dsn,
        "insert into audit_events (occurred_at, event, outcome, caller, subject) "
        "values (clock_now(), 'security.forged', 'done', 'operator-1', 'forged'); select 1",
    )
    [row] = database.execute("select caller from audit_events where subject = 'forged'")
    assert row["caller"] == "public"


def test_others_write_into_the_trail_in_the_name_of_their_callers(database: Database) -> None:
    run_sql(
        database.internal_dsn,
        "insert into audit_events (occurred_at, event, outcome, caller, subject) "
        "values (clock_now(), 'security.x', 'done', 'operator-1', 'true'); select 1",
    )
    [row] = database.execute("select caller from audit_events where subject = 'true'")
    assert row["caller"] == "operator-1"


def test_it_cannot_move_the_clock_of_a_function_with_the_owners_rights(database: Database, user: StoredUser) -> None:
    """Ten years ahead, sessions of today would be too old to count, and the oldest would not be revoked."""
    database.execute("update settings set session_limit = 1, session_limit_policy = 'revoke_oldest'")
    for _ in range(2):
        store_session(database, user)
    move = "set authsession.clock_offset = '10 years'"
    try:
        run_sql(database.public_dsn, f"{move}; select * from revoke_oldest_sessions('{user.user_id}'); select 1")
    finally:
        database.execute("update settings set session_limit = 0, session_limit_policy = 'reject'")
    [row] = database.execute(
        "select clock_timestamp() - revoked_at as ago from device_sessions where user_id = $1 and status = 'revoked'",
        user.user_id,
    )
    assert abs(row["ago"]) < timedelta(minutes=1)


def test_it_cannot_move_the_clock_of_its_later_sessions(database: Database) -> None:
    for sql in ("alter role authsession_public set", f"alter database {database.name} set"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            run_sql(database.public_dsn, f"{sql} authsession.clock_offset = '10 years'")


def test_it_cannot_read_or_write_leases_nor_take_the_sealers(database: Database) -> None:
    for sql in (
        "select * from leases",
        "update leases set held_until = 'infinity'",
        "select take_lease('sealer', gen_random_uuid(), '3 s')",
        "select take_lease('keeper', gen_random_uuid(), '1 year')",
        "select owners_clock()",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            run_sql(database.public_dsn, sql)


TAKE = "select take_lease('keeper', gen_random_uuid(), '4 s') as taken"


def test_the_internal_process_keeps_whatever_the_public_role_holds(database: Database) -> None:
    """Its lease, the row of that lease, and every advisory lock that it can think of."""
    with attacker(database) as held:
        held.hold(f"{TAKE}; select pg_advisory_lock({0x6B656570}); select pg_advisory_lock({0x7365616C})")
        began = time.monotonic()
        assert run_sql(database.internal_dsn, TAKE)[0]["taken"]
        assert run_sql(database.internal_dsn, TAKE.replace("keeper", "sealer"))[0]["taken"]
        assert time.monotonic() - began < 1
    assert not run_sql(database.public_dsn, TAKE)[0]["taken"]


def test_while_the_internal_process_keeps_the_public_role_changes_nothing_of_it(database: Database) -> None:
    database.execute("update leases set held_until = '-infinity'")
    forged = "update projection_keeper set epoch = 'forged'"
    run_sql(database.public_dsn, "update projection_keeper set state = state; select 1")  # where nobody else keeps
    assert run_sql(database.internal_dsn, TAKE)[0]["taken"]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        run_sql(database.public_dsn, forged)
