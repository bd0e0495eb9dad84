"""Brings a database to the schema that this code expects (SPEC §13.4).

Only the command line runs it, in plain asyncio. A service only compares `expected_version` with the schema it finds.

The migrations are numbered SQL files and go forward only. Each runs in a transaction of its own, under an advisory lock
of the database; grants.sql follows. Roles belong to the whole cluster, and grants.sql may run in several of its
databases at once.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import asyncpg

from shared.db.role_settings import ROLE_SETTINGS

SCHEMA = "authsession"
FOLDER = Path(__file__).parent
ENCODING = "UTF8"
LOCK_KEY = 0x61757468  # "auth"; advisory locks are per database
LOCK_TRIES, LOCK_PAUSE = 150, 2.0  # each try takes two seconds, so together this is ten minutes

# Functions that run with the owner's rights take this search path. It names pg_temp last. If it did not name pg_temp,
# temporary tables would come first, and a caller's own table `settings` would replace the real one
# (CVE-2018-1058; tests/integration/grants: test_a_temporary_table_cannot_stand_in_for_the_settings).
_CREATE = f"""
create schema if not exists {SCHEMA};
set search_path = {SCHEMA}, pg_temp;
create table if not exists schema_migrations (
    version    integer primary key,
    name       text not null,
    checksum   text not null,      -- SHA-256 of the file as applied
    applied_at timestamptz not null default clock_timestamp()
);
"""


_GIVE_SETTING = """
do $$ begin execute format('alter role {role} in database %I set {name} = %L', current_database(), '{value}'); end $$
"""
_RESET_SETTINGS = """
do $$
declare found record;
begin
    for found in
        select d.datname, split_part(given, '=', 1) as name
          from pg_db_role_setting g
          join pg_roles r on r.oid = g.setrole
          left join pg_database d on d.oid = g.setdatabase
         cross join unnest(g.setconfig) as given
          left join pg_settings s on s.name = split_part(given, '=', 1)
         where r.rolname = '{role}'
           and (g.setdatabase = 0 or d.datname = current_database())
           and (s.context = 'user' or given like 'authsession.%')
    loop
        execute 'alter role {role}' || coalesce(' in database ' || quote_ident(found.datname), '')
             || ' reset ' || quote_ident(found.name);
    end loop;
end $$
"""


class MigrationRefused(Exception):
    """These migrations cannot continue this database. The message is one sentence for an operator."""


class GrantsRefused(Exception):
    """The schema is up to date, but the user may not create or grant to the login roles. The message says why."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def migrations() -> tuple[Migration, ...]:
    """All migrations in the order of their versions. A version is unique; versions may have gaps."""
    files = sorted((FOLDER / "migrations").glob("*.sql"))
    found = tuple(Migration(int(file.name[:4]), file.stem, file.read_text("utf-8")) for file in files)
    assert len({migration.version for migration in found}) == len(found), "each number once"
    return found


def expected_version() -> int:
    """The schema version that this code needs."""
    return migrations()[-1].version


def _tell_nobody(_: str) -> None:
    """Do nothing: the default of `on_applied`."""


async def migrate(connection: asyncpg.Connection, on_applied: Callable[[str], None] = _tell_nobody) -> list[str]:
    """Apply missing migrations and the grants. Return the names of the migrations that it applied.

    `on_applied` gets each name after its migration is committed. The connection must belong to the schema's owner.
    A repeat does no harm, and of several calls at once each waits for the one before. A migration that fails changes
    nothing; those before it stay applied.

    Raises `MigrationRefused` if the database has another encoding or is newer than this code, if an applied migration
    was changed, or if no lock is free in ten minutes. Raises `GrantsRefused` if only roles or grants failed.
    """
    encoding = await connection.fetchval("select current_setting('server_encoding')")
    if encoding != ENCODING:
        raise MigrationRefused(
            f"the database's encoding is {encoding}, and names and addresses need {ENCODING}: "
            f"create one with encoding '{ENCODING}' template template0"
        )
    await connection.execute("select pg_advisory_lock($1)", LOCK_KEY)
    try:
        await connection.execute(_CREATE)
        applied = await _applied(connection)
        _check(applied)
        missing = [migration for migration in migrations() if migration.version not in applied]
        for migration in missing:
            await _apply(connection, migration)
            on_applied(migration.name)
        await _grant(connection)
        return [migration.name for migration in missing]
    finally:
        await connection.execute("select pg_advisory_unlock($1)", LOCK_KEY)


async def _applied(connection: asyncpg.Connection) -> Mapping[int, str]:
    rows = await connection.fetch("select version, checksum from schema_migrations")
    return {row["version"]: row["checksum"] for row in rows}


def _check(applied: Mapping[int, str]) -> None:
    newest = max(applied, default=0)
    if newest > expected_version():
        raise MigrationRefused(
            f"the database is at schema version {newest} and this program knows only {expected_version()}: "
            "run the migrations of the newer program"
        )
    changed = [each.name for each in migrations() if applied.get(each.version, each.checksum) != each.checksum]
    if changed:
        raise MigrationRefused(f"applied migrations were changed since: {', '.join(changed)}; add a new one instead")


async def _grant(connection: asyncpg.Connection) -> None:
    try:
        async with connection.transaction():
            await connection.execute((FOLDER / "grants.sql").read_text("utf-8"))
        await _give_settings(connection)
    except asyncpg.InsufficientPrivilegeError as fault:
        raise GrantsRefused(f"its user may not create or grant to the login roles ({fault.args[0]})") from None


async def _give_settings(connection: asyncpg.Connection) -> None:
    """Set the session settings of both roles for this database. Without the right to do so, it changes nothing.

    Only a pooler in transaction mode needs them, and `doctor` notices there if they are missing. Settings that a role
    may have given itself are removed first: a stranger in the public role could stop every login with
    `default_transaction_read_only`. Settings that only a superuser may change, such as `log_statement`, stay.
    """
    with suppress(asyncpg.InsufficientPrivilegeError):
        async with connection.transaction():
            for role, settings in ROLE_SETTINGS.items():
                await connection.execute(_RESET_SETTINGS.format(role=role))
                for name, value in settings.items():
                    await connection.execute(_GIVE_SETTING.format(role=role, name=name, value=value))


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    """Wait two seconds at a time for a lock, because every later request for the table waits behind a waiting one."""
    for _ in range(LOCK_TRIES):
        with suppress(asyncpg.LockNotAvailableError):
            await _apply_at_once(connection, migration)
            return
        await asyncio.sleep(LOCK_PAUSE)
    raise MigrationRefused(
        f"{migration.name} waited ten minutes for a long transaction on its tables, perhaps a backup: try again later"
    )


async def _apply_at_once(connection: asyncpg.Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute("set local lock_timeout = '2s'")
        await connection.execute(migration.sql)
        await connection.execute(
            "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)",
            migration.version,
            migration.name,
            migration.checksum,
        )
