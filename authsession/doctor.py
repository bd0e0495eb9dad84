"""`authsession doctor`: checks configuration and servers, and names cures (SPEC §1.4). Changes nothing."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import asyncpg

from authsession.configuration import warnings_of
from authsession.database import connect
from authsession.embedded.child import StartFailure
from authsession.event_loop import run_async
from authsession.finding import Finding
from authsession.installation import Installation
from authsession.keys import RINGS, missing_keys
from authsession.neighbours import neighbours
from authsession.pooler import pooler_findings
from authsession.redis_findings import Kept, redis_findings
from authsession.spelling import typed
from shared.config import variables
from shared.config.settings import Reading
from shared.db.migrate import SCHEMA, expected_version
from shared.db.role_settings import INTERNAL_ROLE, PUBLIC_ROLE
from shared.io import queries
from shared.io.postgres_dsn import hosts_of
from shared.kernel.clock import SystemClock
from shared.kernel.faults import ConfigurationError
from shared.kernel.mail_connection import Place, unseal_mail_connection
from shared.kernel.sealing import Unsealable

_SQL = queries.load("authsession", "doctor.sql")
SKEW_TOLERANCE = timedelta(seconds=2)
OLDEST_POSTGRES = 150_000
MAX_SHARED_ADDRESSES = 20

# Rights that SPEC §1.2 forbids, and rights that the flows need: a sample of shared/db/grants.sql.
_FORBIDDEN = {
    PUBLIC_ROLE: (("audit_events", "select"), ("settings_changes", "select"), ("device_sessions", "update"),
                  ("blocks", "insert"), ("blocks", "delete"), ("settings", "update"), ("audit_seal", "select"),
                  ("operators", "select"), ("operator_sessions", "select"), ("api_tokens", "select"),
                  ("secret_versions", "select"), ("mail_connection", "select")),
    INTERNAL_ROLE: (("audit_events", "update"), ("audit_events", "delete"), ("audit_seal", "update"),
                    ("audit_seal", "delete"), ("login_codes", "insert"), ("challenges", "update")),
}  # fmt: skip
_NEEDED = {
    PUBLIC_ROLE: (("emails", "update"), ("challenges", "update"), ("device_sessions", "insert"),
                  ("audit_events", "insert"), ("projection_outbox", "delete")),
    INTERNAL_ROLE: (("emails", "update"), ("emails", "delete"), ("device_sessions", "update"), ("blocks", "delete"),
                    ("audit_events", "insert"), ("audit_seal", "insert"), ("projection_outbox", "delete"),
                    ("challenges", "delete")),
}  # fmt: skip


def doctor(given: Mapping[str, str], folder: Path, process: str | None) -> int:
    """Prints the findings. Returns the exit status: 1 if one of them is a failure, else 0.

    `process` is the process that the environment belongs to; None means that both share it.
    """
    findings: list[Finding] = []
    for name, environment in _environments(given, folder, process or "environment").items():
        for finding in _examine(name, environment):
            findings.append(Finding(finding.level, f"{name}: {finding.what}", finding.cure))
            print(findings[-1])
    return 1 if any(finding.level == "fail" for finding in findings) else 0


def _environments(given: Mapping[str, str], folder: Path, name: str) -> dict[str, Mapping[str, str]]:
    """The environments of both processes if an `up` runs in `folder`; else the given one, under `name`."""
    running = None if given.get("AUTHSESSION_POSTGRES_DSN") else Installation(folder).running()
    if running is None:
        return {name: given}
    return {"public": running.public_environment, "internal": running.internal_environment}


def _examine(name: str, environment: Mapping[str, str]) -> Iterator[Finding]:
    yield from _configuration(name, environment)
    yield from _optional_keys(name, environment)
    yield from _misplaced_keys(name, environment)
    lacks_host = name != "internal" and not environment.get(variables.PUBLIC_HOST.name)
    yield from run_async(_postgres(name, _dsn(environment), environment, lacks_host=lacks_host))
    yield from redis_findings(name, environment, run_async(_kept(_direct_dsn(environment) or _dsn(environment))))
    yield from neighbours(name, environment)


def _configuration(name: str, environment: Mapping[str, str]) -> Iterator[Finding]:
    try:
        warnings = warnings_of(name, environment)
    except ConfigurationError as error:
        unset = f"{variables.POSTGRES_DSN.name} is not set"  # `_postgres` names this one, with a better cure
        yield from (Finding("fail", "configuration", each) for each in error.problems if not each.startswith(unset))
        return
    yield from (Finding("warn", "configuration", warning) for warning in warnings)
    if not warnings:
        yield Finding("ok", "configuration")


def _optional_keys(name: str, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Hints if the internal process lacks rings that an installation without nodes or secrets does not need."""
    if name == "public":
        return
    for variable, lack, use in (
        (variables.CONFIG_KEYS, "nodes can receive no configuration", "to use nodes"),
        (variables.SECRET_KEYS, "no secret can be stored", "to store secrets"),
    ):
        if not Reading(environment).is_set(variable):
            cure = f"{lack}; {use}, set it to a key of `{typed('keys new')}`"
            yield Finding("hint", f"{variable.name} is not set", cure)


def _misplaced_keys(name: str, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Rings of the internal process that the public process holds, which faces the internet."""
    for ring in RINGS:
        if name == "public" and ring.is_internal and Reading(environment).is_set(ring.variable):
            cure = "take it away from the public process, and change its keys if that process may have leaked them"
            yield Finding("warn", f"{ring.variable.name} is set", cure)


def _dsn(environment: Mapping[str, str]) -> str | None:
    """None if it is not set, and if it is wrong: `_configuration` reports a wrong one."""
    return Reading(environment).optional(variables.POSTGRES_DSN)


def _direct_dsn(environment: Mapping[str, str]) -> str | None:
    return Reading(environment).optional(variables.POSTGRES_DIRECT_DSN)


async def _kept(dsn: str | None) -> Kept | None:
    """None if no process ever kept the projection, or if Postgres cannot be asked."""
    if not dsn:
        return None
    try:
        async with connect(dsn) as connection:
            row = await connection.fetchrow(*_SQL["read_keeper"]())
    except (StartFailure, ConfigurationError, asyncpg.PostgresError):
        return None
    return Kept(row["run_id"], timedelta(milliseconds=row["age_ms"])) if row and row["has_beaten"] else None


async def _postgres(name: str, dsn: str | None, environment: Mapping[str, str], *, lacks_host: bool) -> list[Finding]:
    if not dsn:
        return _no_database(environment)
    direct_dsn = _direct_dsn(environment)
    try:
        pooler = await pooler_findings(dsn, direct_dsn)
        if any(finding.level == "fail" for finding in pooler):
            return pooler
        async with connect(direct_dsn or dsn) as connection:
            return [
                *pooler,
                await _server(connection),
                await _schema(connection),
                await _clock(connection),
                *await _durability(connection, has_several_hosts=len(hosts_of(dsn)) > 1),
                *await _writes(connection),
                await _own_rights(connection, name),
                *await _blockers(connection),
                *[finding for role in (PUBLIC_ROLE, INTERNAL_ROLE) for finding in await _rights(connection, role)],
                *(await _client_key_proofs(connection) if lacks_host else []),
                *(await _notices(connection) if lacks_host else []),
                *await _sign_up(connection, environment),
                *await _missing_keys(connection, environment, is_public=name == "public"),
                *(await _mail_connection(connection, environment) if name != "internal" else []),
                *(await _shared_addresses(connection) if _users_live_here(environment) else []),
            ]
    except StartFailure as fault:
        return [Finding("fail", "Postgres", f"{fault}; start it or correct AUTHSESSION_POSTGRES_DSN")]
    except ConfigurationError as error:
        return [Finding("fail", "Postgres", problem) for problem in error.problems]


def _no_database(environment: Mapping[str, str]) -> list[Finding]:
    if Reading(environment).is_set(variables.POSTGRES_DSN):
        return []  # it is wrong: `_configuration` reports that
    return [Finding("fail", "no database", f"set AUTHSESSION_POSTGRES_DSN, or run `{typed('up')}` in this folder")]


async def _server(connection: asyncpg.Connection) -> Finding:
    encoding = await connection.fetchval(*_SQL["read_encoding"]())
    if encoding != "UTF8":
        cure = "create a database with encoding 'UTF8' template template0, and restore the data into it"
        return Finding("fail", f"the database's encoding is {encoding}", cure)
    number = int(await connection.fetchval(*_SQL["read_server_version"]()))
    if number < OLDEST_POSTGRES:
        return Finding("fail", f"Postgres {number // 10_000}", f"use {OLDEST_POSTGRES // 10_000} or later")
    return Finding("ok", f"Postgres {number // 10_000}")


async def _schema(connection: asyncpg.Connection) -> Finding:
    try:
        found = await connection.fetchval(*_SQL["read_schema_version"]())
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        found = None
    if found is None:
        cure = f"run `{typed('migrate')}` as the owner of the schema"
        return Finding("fail", f"this user sees no schema {SCHEMA}", cure)
    if found < expected_version():
        return Finding("fail", f"schema version {found}, not {expected_version()}", f"run `{typed('migrate')}`")
    if found > expected_version():
        return Finding("warn", f"schema version {found} is newer than this program's", "install the newer release here")
    return Finding("ok", f"schema version {found}")


async def _mail_connection(connection: asyncpg.Connection, environment: Mapping[str, str]) -> list[Finding]:
    """Whether mail can leave by the default mail connection, if the environment says that it does."""
    reading = Reading(environment)
    keys = reading.optional(variables.SEALING_KEYS)
    if keys is None or not reading.says(variables.MAIL_SERVICE_MODE, "connection"):
        return []
    try:
        row = await connection.fetchrow(*_SQL["read_mail_connection"]())
    except (asyncpg.UndefinedFunctionError, asyncpg.InsufficientPrivilegeError):
        return []
    if row is None or row["connection_id"] is None:
        cure = "mails wait for one: name it with PUT /api/control-plane/connections/defaults/mail"
        return [Finding("fail", "there is no default mail connection", cure)]
    try:
        unseal_mail_connection(
            keys, Place(row["connection_id"], row["connection_revision"]), row["key_id"], row["sealed"]
        )
    except Unsealable:
        cure = f"give both processes the same {variables.SEALING_KEYS.name}, and restart them: mails wait for that"
        return [Finding("fail", "the default mail connection cannot be opened", cure)]
    return [Finding("ok", "there is a default mail connection")]


async def _clock(connection: asyncpg.Connection) -> Finding:
    offset = await connection.fetchval(*_SQL["read_clock_offset"]())
    if offset:
        cure = "run: alter database … reset authsession.clock_offset"
        return Finding("fail", f"the clock is moved by {offset}", cure)
    before = SystemClock().now()
    there = await connection.fetchval(*_SQL["read_server_clock"]())
    after = SystemClock().now()
    skew = max(before - there, there - after, timedelta(0))
    if skew > SKEW_TOLERANCE:
        text = f"the clocks of this machine and of Postgres differ by {skew.total_seconds():.1f} s"
        return Finding("warn", text, "synchronise both by NTP; Postgres' clock decides")
    return Finding("ok", "the clocks of this machine and of Postgres agree")


async def _durability(connection: asyncpg.Connection, *, has_several_hosts: bool) -> list[Finding]:
    """Whether a crash or a failover would lose acknowledged writes. Empty for a single server that flushes."""
    row = await connection.fetchrow(*_SQL["read_durability"]())
    assert row is not None
    if row["synchronous_commit"] in ("off", "local"):
        text = f"synchronous_commit is {row['synchronous_commit']}"
        return [Finding("warn", text, "set it to on: a crash could lose an acknowledged login")]
    if row["standbys"] == 0:
        cure = "start a standby and set synchronous_standby_names, or name only one host in AUTHSESSION_POSTGRES_DSN"
        text = "AUTHSESSION_POSTGRES_DSN names several hosts, and no standby follows"
        return [Finding("warn", text, cure)] if has_several_hosts else []
    if not row["synchronous_standby_names"]:
        cure = "set synchronous_standby_names: a failover would lose acknowledged logins and revocations"
        return [Finding("warn", "the Postgres standby is asynchronous", cure)]
    return [Finding("ok", "the Postgres standby is synchronous")]


async def _writes(connection: asyncpg.Connection) -> list[Finding]:
    if await connection.fetchval(*_SQL["read_read_only"]()):
        return [Finding("fail", "Postgres refuses writes", "name the primary in AUTHSESSION_POSTGRES_DSN")]
    return []


async def _own_rights(connection: asyncpg.Connection, name: str) -> Finding:
    user = await connection.fetchval("select current_user::text")
    others = {"public": INTERNAL_ROLE, "internal": PUBLIC_ROLE}
    if user == others.get(name):
        own = PUBLIC_ROLE if name == "public" else INTERNAL_ROLE
        return Finding("fail", f"logged in as {user}", f"name {own} in AUTHSESSION_POSTGRES_DSN of the {name} process")
    if user in (PUBLIC_ROLE, INTERNAL_ROLE):
        return Finding("ok", f"logged in as {user}")
    return Finding("warn", f"logged in as {user}", f"services should log in as {PUBLIC_ROLE} and {INTERNAL_ROLE}")


async def _rights(connection: asyncpg.Connection, role: str) -> list[Finding]:
    row = await connection.fetchrow(*_SQL["read_role"](role=role))
    if row is None:
        return [Finding("fail", f"there is no role {role}", f"run `{typed('migrate')}` as a user who may create roles")]
    if not row["rolcanlogin"]:
        cure = f"run `{typed('migrate --login FILE')}` with a file that holds the DSN of that role"
        return [Finding("fail", f"{role} cannot log in", cure)]
    if row["rolsuper"]:
        return [Finding("fail", f"{role} is a superuser", f"run: alter role {role} nosuperuser")]
    has = {
        (table, right): await connection.fetchval(
            *_SQL["has_right"](role=role, schema=SCHEMA, table=table, right=right)
        )
        for table, right in (*_FORBIDDEN[role], *_NEEDED[role])
    }
    wrong = [f"may {right} {table}" for table, right in _FORBIDDEN[role] if has[table, right]]
    wrong += [f"may not {right} {table}" for table, right in _NEEDED[role] if not has[table, right]]
    if wrong:
        return [Finding("fail", f"{role} {', '.join(wrong)}", f"run `{typed('migrate')}`, which sets the grants again")]
    return [Finding("ok", f"{role} has the rights that it needs")]


async def _blockers(connection: asyncpg.Connection) -> list[Finding]:
    """Whether the schema's owner may end back ends of the public role that block others (SPEC §1.2)."""
    row = await connection.fetchrow(*_SQL["read_ender"]())
    if row is None or row["may_end"]:
        return []  # `_schema` reports a missing function
    cure = f"run as a superuser: grant {PUBLIC_ROLE} to {row['owner']}"
    return [Finding("warn", "an attacker in the public process could block revocations by locks", cure)]


async def _client_key_proofs(connection: asyncpg.Connection) -> list[Finding]:
    """Whether proofs are required although no public host is set.

    Only this check sees both: the setting is in Postgres, the host in the environment (SPEC §3.9).
    """
    try:
        is_required = await connection.fetchval(*_SQL["read_require_client_key_proof"]())
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return []  # `_schema` reports that
    if not is_required:
        return []
    cure = "set AUTHSESSION_PUBLIC_HOST for the public process: without it that process refuses every confirm"
    return [Finding("fail", "require_client_key_proof is on", cure)]


async def _notices(connection: asyncpg.Connection) -> list[Finding]:
    """Whether notices of new devices go without the link that ends a login, because no public host is set."""
    try:
        notices = await connection.fetchval(*_SQL["read_new_device_notice"]())
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InsufficientPrivilegeError):
        return []  # `_schema` reports that
    if notices in (None, "off"):
        return []
    cure = "set AUTHSESSION_PUBLIC_HOST for the public process: without it the letters have no link to end a login"
    return [Finding("warn", f"new_device_notice is {notices}", cure)]


async def _sign_up(connection: asyncpg.Connection, environment: Mapping[str, str]) -> list[Finding]:
    """Whether nobody at all can log in, because no new user may sign up and there is no user."""
    if not _users_live_here(environment):
        return []  # a user service may have users that never logged in here
    try:
        sign_up = await connection.fetchval(*_SQL["read_sign_up"]())
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InsufficientPrivilegeError):
        return []  # `_schema` reports that
    if sign_up is None:
        return []
    cure = "`authsession settings set sign_up invited`, then `authsession invitations add`"
    return [Finding("warn", f"nobody can log in: sign_up is {sign_up}, and there is no user", cure)]


async def _missing_keys(
    connection: asyncpg.Connection, environment: Mapping[str, str], *, is_public: bool
) -> list[Finding]:
    """Keys that were removed although rows still need them (docs/decisions/0012-retention.md)."""
    return [
        Finding(
            "fail" if missing.ring.stops_start else "warn",
            f"{missing.by} the key {missing.key}",
            f"put it back into {missing.ring.variable.name}",
        )
        for missing in await missing_keys(connection, environment, is_public=is_public)
    ]


def _users_live_here(environment: Mapping[str, str]) -> bool:
    """Whether users live in our own table. A user service may know several users by one address."""
    return Reading(environment).optional(variables.USER_SERVICE_MODE) != "rest"


async def _shared_addresses(connection: asyncpg.Connection) -> list[Finding]:
    """Users that share one address in several spellings, from before SPEC §2.3 made them one person. Ids only."""
    try:
        rows = await connection.fetch(*_SQL["read_shared_addresses"](limit=MAX_SHARED_ADDRESSES))
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return []  # `_schema` reports that
    cure = "give each of the others its own address (PATCH /api/v1/internal/users/{user_id}), or erase it (DELETE)"
    findings = [Finding("warn", _shared_address(row), cure) for row in rows]
    unseen = rows[0]["addresses"] - len(rows) if rows else 0
    more = Finding("warn", f"{unseen} more addresses have several users", "correct those above, then run doctor again")
    return [*findings, *([more] if unseen else [])]


def _shared_address(row: asyncpg.Record) -> str:
    others, count = ", ".join(row["others"]), row["active_sessions"]
    sessions = "1 active session" if count == 1 else f"{count} active sessions"
    return (
        f"{row['keeps']} and {others} have one address in different spellings: "
        f"new logins go to the first, and the others have {sessions}"
    )
