"""The migrations runner (SPEC §13.4) on real servers, roles and races included."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import asyncpg
import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from shared.db import migrate as runner
from shared.db.migrate import GrantsRefused, Migration, MigrationRefused, expected_version, migrate, migrations
from tests.support.database import Database, cloned_database, run_sql
from tests.support.servers import temporary_postgres

T = TypeVar("T")


def on(dsn: str, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        connection = await asyncpg.connect(dsn, ssl=False)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


async def migrate_all(*dsns: str) -> list[list[str]]:
    connections = [await asyncpg.connect(dsn, ssl=False) for dsn in dsns]
    try:
        return list(await asyncio.gather(*(migrate(connection) for connection in connections)))
    finally:
        for connection in connections:
            await connection.close()


def versions(database: Database) -> list[int]:
    return [row["version"] for row in database.execute("select version from schema_migrations order by version")]


@pytest.fixture
def empty(postgres_server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    """A database without any migration, in a cluster where the roles exist (the template made them)."""
    with cloned_database(postgres_server, None) as database:
        yield database


@pytest.fixture
def fresh_cluster() -> Iterator[EmbeddedPostgres]:
    """A cluster without the roles."""
    with temporary_postgres() as server:
        yield server


def test_an_empty_database_gets_every_migration_in_order(empty: Database) -> None:
    assert on(empty.owner_dsn, migrate) == [each.name for each in migrations()]
    assert versions(empty) == [each.version for each in migrations()]


def test_migrating_takes_back_what_a_role_gave_itself_and_leaves_what_a_superuser_gave(
    fresh_cluster: EmbeddedPostgres,
) -> None:
    with cloned_database(fresh_cluster, None) as database:
        on(database.owner_dsn, migrate)
        run_sql(database.owner_dsn, "alter role authsession_public set log_statement = 'ddl'")
        run_sql(database.owner_dsn, "alter role authsession_public set default_transaction_read_only = on")
        run_sql(database.owner_dsn, "alter role authsession_public set authsession.clock_offset = '1 day'")
        run_sql(database.owner_dsn, f'alter role authsession_public in database "{database.name}" set search_path = x')
        on(database.owner_dsn, migrate)
        rows = run_sql(
            database.owner_dsn,
            "select setdatabase = 0 as is_everywhere, unnest(setconfig) as given from pg_db_role_setting"
            " where setrole = 'authsession_public'::regrole",
        )
        everywhere = [row["given"] for row in rows if row["is_everywhere"]]
        here = [row["given"] for row in rows if not row["is_everywhere"]]
        assert everywhere == ["log_statement=ddl"]
        assert [given for given in here if given.startswith("search_path")] == ["search_path=authsession"]


def test_migrating_again_changes_nothing(empty: Database) -> None:
    on(empty.owner_dsn, migrate)
    before = empty.execute("select * from schema_migrations order by version")
    assert on(empty.owner_dsn, migrate) == []
    assert empty.execute("select * from schema_migrations order by version") == before


def test_of_eight_concurrent_runs_one_applies_each_migration_and_all_succeed(empty: Database) -> None:
    applied = asyncio.run(migrate_all(*[empty.owner_dsn] * 8))
    assert sorted(name for names in applied for name in names) == [each.name for each in migrations()]
    assert versions(empty) == [each.version for each in migrations()]


def test_databases_of_one_cluster_without_the_roles_migrate_at_the_same_time(fresh_cluster: EmbeddedPostgres) -> None:
    names = [f"concurrent_{number}" for number in range(6)]
    for name in names:
        run_sql(fresh_cluster.dsn(), f"create database {name}")
    applied = asyncio.run(migrate_all(*map(fresh_cluster.dsn, names)))
    assert applied == [[each.name for each in migrations()]] * len(names)
    roles = run_sql(fresh_cluster.dsn(), "select rolname from pg_roles where rolname like 'authsession_%' order by 1")
    assert [row["rolname"] for row in roles] == ["authsession_internal", "authsession_public"]


def test_a_migration_that_waits_for_a_lock_holds_up_nobody_for_long(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dump reads `settings` in one long transaction; every login reads it too."""
    on(empty.owner_dsn, migrate)
    altered = Migration(expected_version() + 1, "altered", "alter table settings add nothing_yet integer")
    known = migrations()
    monkeypatch.setattr(runner, "migrations", lambda: (*known, altered))
    monkeypatch.setattr(runner, "LOCK_PAUSE", 0.1)

    async def dump_amid() -> tuple[list[float], list[str]]:
        dump, login, migrator = [await asyncpg.connect(empty.owner_dsn, ssl=False) for _ in range(3)]
        waits: list[float] = []
        async with dump.transaction():
            await dump.fetch("select * from authsession.settings")
            migration = asyncio.create_task(migrate(migrator))
            for _ in range(5):
                await asyncio.sleep(0.5)
                began = time.monotonic()
                await login.fetch("select * from authsession.settings")
                waits.append(time.monotonic() - began)
        applied = await migration
        for each in (dump, login, migrator):
            await each.close()
        return waits, applied

    waits, applied = asyncio.run(dump_amid())
    assert max(waits) < 2.5
    assert applied == ["altered"]


def test_a_failing_migration_leaves_those_before_it_and_nothing_of_itself(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Migration(3, "0003_broken", "create table half_done (); select 1 / 0;")
    monkeypatch.setattr(runner, "migrations", lambda: (*migrations()[:2], broken))
    with pytest.raises(asyncpg.DivisionByZeroError):
        on(empty.owner_dsn, migrate)
    assert versions(empty) == [1, 2]
    assert empty.execute("select to_regclass('authsession.half_done') as found")[0]["found"] is None


def test_the_run_after_a_failed_one_goes_on_where_it_stopped(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(runner, "migrations", lambda: migrations()[:2])
        patch.setattr(runner, "_grant", _no_grants)
        on(empty.owner_dsn, migrate)
    assert on(empty.owner_dsn, migrate) == [each.name for each in migrations()[2:]]


async def _no_grants(_: asyncpg.Connection) -> None:
    """grants.sql names tables of later migrations."""


def test_a_changed_migration_is_refused_by_name(empty: Database) -> None:
    on(empty.owner_dsn, migrate)
    empty.execute("update schema_migrations set checksum = 'another' where version = 2")
    with pytest.raises(MigrationRefused, match=migrations()[1].name):
        on(empty.owner_dsn, migrate)


def test_a_newer_database_is_refused_and_keeps_its_grants(empty: Database) -> None:
    on(empty.owner_dsn, migrate)
    empty.execute(
        "insert into schema_migrations (version, name, checksum) values ($1, 'newer', '')", expected_version() + 1
    )
    empty.execute("grant delete on audit_events to authsession_internal")
    with pytest.raises(MigrationRefused, match="newer program"):
        on(empty.owner_dsn, migrate)
    asked = "select has_table_privilege('authsession_internal', 'authsession.audit_events', 'delete') as still"
    assert empty.execute(asked)[0]["still"]


def test_a_refused_run_gives_the_lock_back(empty: Database) -> None:
    on(empty.owner_dsn, migrate)
    empty.execute("update schema_migrations set checksum = 'another' where version = 1")

    async def refused_then_locked_by_another(connection: asyncpg.Connection) -> bool:
        with pytest.raises(MigrationRefused):
            await migrate(connection)
        return await connection.fetchval(
            "select count(*) = 0 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
        )

    assert on(empty.owner_dsn, refused_then_locked_by_another)


def test_an_owner_who_may_not_create_roles_gets_the_schema_and_is_told(fresh_cluster: EmbeddedPostgres) -> None:
    run_sql(fresh_cluster.dsn(), "create role plain login password 'plain'")
    run_sql(fresh_cluster.dsn(), "create database owned_by_plain owner plain")
    dsn = f"postgresql://plain:plain@127.0.0.1:{fresh_cluster.port}/owned_by_plain"
    with pytest.raises(GrantsRefused, match="may not create or grant"):
        on(dsn, migrate)
    assert run_sql(dsn, "select max(version) as newest from schema_migrations")[0]["newest"] == expected_version()


def test_an_owner_who_may_not_create_roles_can_grant_to_those_that_exist(fresh_cluster: EmbeddedPostgres) -> None:
    for sql in (
        "create role plain login password 'plain'",
        "create role authsession_public",
        "create role authsession_internal",
        "create database owned_by_plain owner plain",
    ):
        run_sql(fresh_cluster.dsn(), sql)
    dsn = f"postgresql://plain:plain@127.0.0.1:{fresh_cluster.port}/owned_by_plain"
    assert on(dsn, migrate) == [each.name for each in migrations()]
    assert run_sql(dsn, "select has_table_privilege('authsession_public', 'settings', 'select') as may")[0]["may"]


def test_the_check_of_agents_sessions_comes_without_reading_the_table_and_is_proved_later(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions from before stay as they are, and a login of the release before is a row as ever."""
    is_valid = "select convalidated from pg_constraint where conname = 'device_sessions_of_agents'"
    login = (
        "insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id,"
        " created_at) values ($1, 'user-1', sha256('x'), gen_random_uuid(), $1, clock_now())"
    )
    with monkeypatch.context() as patch:
        patch.setattr(runner, "_grant", _no_grants)
        patch.setattr(runner, "migrations", lambda: tuple(each for each in migrations() if each.version < 72))
        on(empty.owner_dsn, migrate)
        empty.execute(login, "device-session-1")
        patch.setattr(runner, "migrations", lambda: tuple(each for each in migrations() if each.version < 73))
        on(empty.owner_dsn, migrate)
        assert empty.execute(is_valid)[0]["convalidated"] is False
        empty.execute(login, "device-session-2")
    on(empty.owner_dsn, migrate)
    assert empty.execute(is_valid)[0]["convalidated"] is True


def test_a_first_run_that_was_complete_stays_complete(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    further = "select step, is_skipped from onboarding_steps where step in ('mail_connection_verified', 'node_joined')"
    step = (
        "insert into onboarding_steps (step, done_at, operator_id)"
        " select $1, clock_now(), operator_id from operators where is_owner"
    )
    with monkeypatch.context() as patch:
        patch.setattr(runner, "_grant", _no_grants)
        patch.setattr(runner, "migrations", lambda: tuple(each for each in migrations() if each.version < 81))
        on(empty.owner_dsn, migrate)
    empty.execute(
        "insert into operators (operator_id, user_name, is_owner, password_hash, password_changed_at, created_at)"
        " values ('operator-1', 'anna', true, '$argon2id$', clock_now(), clock_now())"
    )
    for name in ("recovery_codes_stored", "settings_reviewed"):
        empty.execute(step, name)
    on(empty.owner_dsn, migrate)
    assert sorted(map(tuple, empty.execute(further))) == [("mail_connection_verified", True), ("node_joined", True)]
