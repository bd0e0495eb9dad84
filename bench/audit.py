"""The audit trail: the time of a page at a million rows, the speed of sealing and verifying, the cost for logins."""

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

import asyncpg

from bench.clients import CodeReader, log_in_many
from bench.processes import cpu_seconds, family_cpu_seconds
from contracts.control_plane.audit import AuditCursor, AuditFilter, encode_audit
from services.internal_admin.audit.sealer import BATCH, LEASE
from services.internal_admin.audit.store.seals import read_chain_end, seal_batch
from services.internal_admin.audit.store.trail import list_audit_rows
from shared.kernel.keyring import KeyRing
from tests.support.database import Database
from tests.support.stack import AUDIT_KEYS, SEALING_KEYS, RunningStack

SIZES = (10_000, 100_000, 1_000_000)
LIMIT = 100
PAGES = 30
ROUNDS = 20
LOGINS = 100
CLIENTS = 8

# One row in 50 is an operator's, one in 1,000 a refusal; the rest are logins. A second apart.
_ROWS = """
    insert into audit_events (occurred_at, event, outcome, caller, actor_type, actor_id, network, request_id, subject,
                              details)
    select '2026-01-01'::timestamptz + n * interval '1 second',
           case when is_mutation then 'security.revoke_session' else 'security.create_session' end,
           case when n % 1000 = 0 then 'refused' when is_mutation then 'revoked' else 'created' end,
           case when is_mutation then 'operator-' || n % 20 else 'public' end,
           case when is_mutation then 'support' end, case when is_mutation then 'agent-' || n % 30 end,
           '192.0.2.7', 'request-' || n, 'device-session-' || n / 2, jsonb_build_object('user_id', 'user-' || n / 10)
      from generate_series($1::bigint, $2::bigint) as n, lateral (select n % 50 = 0 as is_mutation) as kind
"""
_SEALED = "select coalesce(max(seq), 0) from audit_seal"
_IS_SEALED = "select max(audit_id) = (select max(audit_id) from audit_seal) from audit_events"

Holder = asyncpg.pool.PoolConnectionProxy


async def measure_audit(database: Database) -> None:
    """Print the time of a page of each filter at each size, then how fast a million rows are sealed and verified."""
    connection = await asyncpg.connect(database.internal_dsn, ssl=False, server_settings={"search_path": "authsession"})
    owner = await asyncpg.connect(database.owner_dsn, ssl=False, server_settings={"search_path": "authsession"})
    stored = 0
    for size in SIZES:
        await owner.execute(_ROWS, stored + 1, size, timeout=600)
        await owner.execute("vacuum analyze audit_events")
        stored = size
        await _measure_pages(connection, size)
    await _measure_sealing(connection, stored)
    await connection.close()
    await owner.close()
    _measure_verify(database, stored)


def _filters(newest: datetime, size: int) -> dict[str, AuditFilter]:
    middle = newest - timedelta(seconds=size // 2)
    return {
        "none": AuditFilter(),
        "from, to (an hour in the middle)": AuditFilter(since=middle - timedelta(hours=1), until=middle),
        "event, of every login": AuditFilter(event="security.create_session"),
        "event, one row in 50": AuditFilter(event="security.revoke_session"),
        "event that nothing has": AuditFilter(event="security.other"),
        "caller, an operator": AuditFilter(caller="operator-10"),
        "caller public": AuditFilter(caller="public"),
        "actor": AuditFilter(actor_type="support", actor_id="agent-20"),
        "subject": AuditFilter(subject=f"device-session-{size // 4}"),
        "event, caller and outcome": AuditFilter("security.revoke_session", "refused", "operator-0"),
        "outcome (no index, one in 1,000)": AuditFilter(outcome="refused"),
        "request_id (no index, one row)": AuditFilter(request_id="request-7"),
    }


async def _measure_pages(connection: asyncpg.Connection, size: int) -> None:
    newest = await connection.fetchval("select max(occurred_at) from audit_events")
    deep = AuditCursor(newest - timedelta(seconds=size // 2), 0)
    print(f"\na page of at most {LIMIT} of {size} rows, encoded: ms of {PAGES}, fastest and p50, from the newest on;")
    print("the same from the middle on:")
    for name, asked in _filters(newest, size).items():
        first = await _timed(lambda asked=asked: _page(connection, asked, None))
        middle = await _timed(lambda asked=asked: _page(connection, asked, deep))
        print(f"  {name:36} {first}   {middle}")


async def _page(connection: asyncpg.Connection, asked: AuditFilter, after: AuditCursor | None) -> None:
    page = await list_audit_rows(connection, asked, after, LIMIT)
    encode_audit(page.rows, None)


async def _timed(call: Callable[[], Awaitable[None]]) -> str:
    seconds: list[float] = []
    for _ in range(PAGES):
        started = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - started)
    return f"{min(seconds) * 1000:6.2f} {statistics.median(seconds) * 1000:6.2f}"


async def _measure_sealing(connection: asyncpg.Connection, rows: int) -> None:
    key, end = KeyRing.parse("bench", AUDIT_KEYS).newest, await read_chain_end(connection)
    started = time.perf_counter()
    looked_at = BATCH
    while looked_at >= BATCH:
        sealed = await seal_batch(connection, end, key, BATCH, 0)
        end, looked_at = sealed.end, sealed.looked_at
    seconds = time.perf_counter() - started
    print(f"\nsealing a backlog, batches of {BATCH} without a rest: {rows / seconds:.0f} rows/s")


def _measure_verify(database: Database, rows: int) -> None:
    environment = {**os.environ, "AUTHSESSION_POSTGRES_DSN": database.owner_dsn, "AUTHSESSION_AUDIT_KEYS": AUDIT_KEYS}
    started = time.perf_counter()
    command = [sys.executable, "-m", "authsession", "audit", "verify"]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"`authsession audit verify` of {rows} rows: {seconds:.1f} s, {rows / seconds:.0f} rows/s, {memory:.0f} MiB")


async def measure_sealer_cost(
    stack: RunningStack, database: Database, pool: asyncpg.Pool, email: Callable[[int], str]
) -> None:
    """Print the time and CPU of logins in turns with the sealer of the stack halted and sealing.

    It is halted by who holds its lock.
    """
    host, _, port = stack.public_url.removeprefix("http://").partition(":")
    codes = CodeReader(pool, KeyRing.parse("bench", SEALING_KEYS))
    log_in = partial(log_in_many, (host, int(port)), codes, logins=LOGINS, clients=CLIENTS, email=email)
    await log_in()
    confirms: dict[str, list[float]] = {"halted": [], "sealing": []}
    cpu = {name: {"postgres": 0.0, "internal": 0.0, "public": 0.0} for name in confirms}
    sealed = dict.fromkeys(confirms, 0)
    async with pool.acquire() as holder:
        for number in range(ROUNDS):
            for name in ("halted", "sealing")[:: 1 if number % 2 else -1]:
                await (_halt(holder) if name == "halted" else _let_seal(holder))
                before, first = _cpu(stack, database), await holder.fetchval(_SEALED)
                confirms[name] += (await log_in()).confirm
                await asyncio.sleep(1)  # sealing that is still due is part of the cost
                for process, seconds in _cpu(stack, database).items():
                    cpu[name][process] += seconds - before[process]
                sealed[name] += await holder.fetchval(_SEALED) - first
    print(f"\nlogins with the sealer halted and sealing, {ROUNDS} turns of {LOGINS} each, {CLIENTS} clients:")
    for name, seconds in confirms.items():
        spent = ", ".join(f"{process} {used * 1000 / len(seconds):.2f}" for process, used in cpu[name].items())
        print(f"  {name:8} confirm p50 {_ms(seconds, 50):5.1f} ms   p99 {_ms(seconds, 99):5.1f} ms")
        print(f"           CPU ms a login: {spent}; rows sealed meanwhile: {sealed[name]}")


async def _halt(holder: Holder) -> None:
    take = "update leases set holder = gen_random_uuid(), held_until = 'infinity' where name = $1"
    await holder.execute(take, LEASE)


async def _let_seal(holder: Holder) -> None:
    """Returns when it has caught up."""
    await holder.execute("update leases set held_until = '-infinity' where name = $1", LEASE)
    while not await holder.fetchval(_IS_SEALED):  # noqa: ASYNC110 - another process seals
        await asyncio.sleep(0.1)


def _cpu(stack: RunningStack, database: Database) -> dict[str, float]:
    return {
        "postgres": family_cpu_seconds(database.server.pid),
        "internal": cpu_seconds(stack.child("internal").pid),
        "public": cpu_seconds(stack.child("public").pid),
    }


def _ms(seconds: list[float], percentile: int) -> float:
    return statistics.quantiles(seconds, n=100)[percentile - 1] * 1000
