"""`make bench` prints the numbers of docs/evidence/performance.md. On real servers of its own, durable commits on."""

import argparse
import asyncio
import statistics
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import asyncpg

from authsession.embedded.postgres import EmbeddedPostgres
from bench.audit import measure_audit, measure_sealer_cost
from bench.clients import CodeReader, HttpClient, log_in_many
from bench.edge_time import measure_edge
from bench.growth.population import SIZES
from bench.growth.run import measure_growth
from bench.letters import measure_letters
from bench.operators import ENVIRONMENT as OPERATORS_ENVIRONMENT
from bench.operators import measure_operators
from bench.processes import Cost, cpu_seconds, family_cpu_seconds, resident_mebibytes
from bench.retention import MADE_UNDER_FULL_LOAD, SLOWLY_MADE, OldRows, confirm_while_swept
from bench.send_time import Addresses, send_time, send_time_of_sign_up
from bench.telemetry import measure_telemetry
from bench.wire import StatementCounter
from shared.kernel.keyring import KeyRing
from tests.support.database import Database, cloned_database, create_template
from tests.support.servers import temporary_postgres
from tests.support.stack import LOGIN_CODE_KEYS, SEALING_KEYS, RunningStack, open_stack

UNLIMITED = {f"AUTHSESSION_{name}_RATE_LIMIT": "100000000/1m" for name in ("SEND", "CONFIRM", "SELF_SERVICE")}
"""Limits are checked, and never reached."""
REQUEST_PATH = ("read_for_issue", "write_issue", "read_for_confirm", "write_sessions")


@dataclass(frozen=True, slots=True)
class Bench:
    """Running servers, and the bench's own way into Postgres."""

    stack: RunningStack
    database: Database
    pool: asyncpg.Pool

    @property
    def codes(self) -> CodeReader:
        return CodeReader(self.pool, KeyRing.parse("bench", SEALING_KEYS))

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.stack.public_url.removeprefix("http://").partition(":")
        return host, int(port)

    async def cost(self) -> Cost:
        """CPU of each process; Postgres without the bench's own connections."""
        own = await self.pool.fetch("select pid from pg_stat_activity where application_name = 'bench'")
        return Cost(
            {
                "public": cpu_seconds(self.stack.child("public").pid),
                "internal": cpu_seconds(self.stack.child("internal").pid),
                "postgres": family_cpu_seconds(self.database.server.pid, frozenset(row["pid"] for row in own)),
                "redis": cpu_seconds(self.stack.redis_server.pid),
            }
        )

    async def commits(self) -> int:
        """Transactions that wrote, so far."""
        return int(await self.pool.fetchval("select pg_snapshot_xmax(pg_current_snapshot())::text"))


@contextmanager
def running_stack(database: Database) -> Generator[RunningStack]:
    with open_stack(database, **UNLIMITED) as stack:
        yield stack


@asynccontextmanager
async def own_pool(database: Database) -> AsyncGenerator[asyncpg.Pool]:
    settings = {"search_path": "authsession", "application_name": "bench"}
    async with asyncpg.create_pool(
        database.owner_dsn, ssl=False, min_size=2, max_size=4, server_settings=settings
    ) as pool:
        yield pool


def fresh(prefix: str) -> Callable[[int], str]:
    """Addresses that nobody used."""
    return lambda number: f"{prefix}{number}@example.com"


def returning(prefix: str, users: int) -> Callable[[int], str]:
    """Addresses of `users` people, over and over."""
    return lambda number: f"{prefix}{number % users}@example.com"


async def throughput(bench: Bench, title: str, logins: int, clients: int, email: Callable[[int], str]) -> None:
    """Logins in a closed loop, and what each cost."""
    before, commits = await bench.cost(), await bench.commits()
    timings = await log_in_many(bench.address, bench.codes, logins=logins, clients=clients, email=email)
    costs = (await bench.cost()).since(before, logins)
    commits = (await bench.commits() - commits) / logins
    print(f"\n{title}: {logins} logins, {clients} clients: {logins / timings.elapsed:.0f} logins/s")
    for name, seconds in (("send", timings.send), ("confirm", timings.confirm)):
        print(f"  {name:8} p50 {_ms(seconds, 50):6.1f} ms   p99 {_ms(seconds, 99):6.1f} ms")
    print("  CPU ms per login: " + ", ".join(f"{name} {value:.2f}" for name, value in costs.items()))
    print(f"  transactions that wrote, per login, courier and settling included: {commits:.2f}")


def _ms(seconds: list[float], percentile: int) -> float:
    return statistics.quantiles(seconds, n=100)[percentile - 1] * 1000


async def round_trips(bench: Bench, logins: int, counter: StatementCounter) -> None:
    """Which statements a login takes, read off the wire; `bench` runs through `counter`."""
    await log_in_many(bench.address, bench.codes, logins=20, clients=1, email=fresh("warm"))
    before = counter.executed.copy()
    await log_in_many(bench.address, bench.codes, logins=logins, clients=1, email=fresh("wire"))
    executed = counter.executed - before
    on_path = sum(executed[name] for name in REQUEST_PATH) / logins
    print(f"\nround trips to Postgres of the public process per login, one client: on the request path {on_path:.2f}")
    for name, count in executed.most_common():
        print(f"  {name:28} {count / logins:.3f}" + ("  (request path)" if name in REQUEST_PATH else ""))


async def memory(bench: Bench) -> None:
    """How much the public process grows from the 10,000th to the 50,000th login."""
    pid = bench.stack.child("public").pid
    await log_in_many(bench.address, bench.codes, logins=10_000, clients=8, email=returning("memory", 2000))
    early = resident_mebibytes(pid)
    await log_in_many(bench.address, bench.codes, logins=40_000, clients=8, email=returning("memory", 2000))
    late = resident_mebibytes(pid)
    print(f"\nresident memory of the public process: {early:.1f} MiB after 10,000 logins, {late:.1f} MiB after 50,000")


async def measure_send_time(bench: Bench) -> None:
    client = HttpClient(*bench.address)
    await client.open()
    addresses = Addresses(bench.pool, KeyRing.parse("bench", LOGIN_CODE_KEYS))
    await send_time(client, addresses)
    await send_time_of_sign_up(client, addresses)
    client.close()


async def measure(database: Database, stack: RunningStack, *, short: bool) -> None:
    async with own_pool(database) as pool:
        bench = Bench(stack, database, pool)
        scale = 1 if short else 4
        await log_in_many(bench.address, bench.codes, logins=500, clients=8, email=fresh("warm"))
        await throughput(bench, "new users", 1000 * scale, 8, fresh("new"))
        await throughput(bench, "returning users", 1000 * scale, 8, returning("new", 500))
        for clients in (1, 32):
            await throughput(bench, "returning users", 500 * scale, clients, returning("new", 500))
        await measure_send_time(bench)
        await confirm_while_swept(stack, pool, bench.codes, returning("new", 500), rounds=10 * scale)
        if not short:
            await memory(bench)


async def measure_sweep(database: Database, stack: RunningStack, old: OldRows, *, rounds: int) -> None:
    async with own_pool(database) as pool:
        bench = Bench(stack, database, pool)
        await log_in_many(bench.address, bench.codes, logins=500, clients=8, email=returning("new", 500))
        await confirm_while_swept(stack, pool, bench.codes, returning("new", 500), old, rounds=rounds)


@dataclass(frozen=True, slots=True)
class CountedDatabase(Database):
    """The same database, with the public process behind the counter."""

    counting_port: int = 0

    @property
    def public_dsn(self) -> str:
        return self.role_dsn("authsession_public").replace(f":{self.server.port}/", f":{self.counting_port}/")


async def measure_round_trips(database: Database, stack: RunningStack, counter: StatementCounter) -> None:
    async with own_pool(database) as pool:
        await round_trips(Bench(stack, database, pool), 300, counter)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer logins, no memory run")
    parser.add_argument("--sweep", action="store_true", help="only confirms beside the removal of old rows")
    parser.add_argument(
        "part",
        nargs="?",
        choices=("operators", "audit", "edge", "telemetry", "growth", "letters"),
        help="only log-ins of operators, the audit trail, the time to the edge, telemetry, growth, or writing a letter",
    )
    parser.add_argument("--most", type=int, choices=SIZES, default=SIZES[1], help="sessions that growth goes up to")
    parser.add_argument(
        "--verify", type=int, choices=SIZES, default=SIZES[2], help="sessions up to which growth verifies too"
    )
    arguments = parser.parse_args()
    if arguments.part in (None, "letters"):
        measure_letters()
    if arguments.part == "letters":
        return
    with temporary_postgres(durable=True) as server:
        create_template(server)
        if arguments.sweep:
            sweeps(server, rounds=10 if arguments.short else 40)
        elif arguments.part == "operators":
            operators(server, short=arguments.short)
        elif arguments.part == "audit":
            audit(server)
        elif arguments.part == "edge":
            edge(server, short=arguments.short)
        elif arguments.part == "telemetry":
            measure_telemetry(server, short=arguments.short)
        elif arguments.part == "growth":
            command = f"python -m bench growth --most {arguments.most} --verify {arguments.verify}"
            measure_growth(server, command, arguments.most, arguments.verify)
        else:
            operators(server, short=arguments.short)
            audit(server)
            edge(server, short=arguments.short)
            everything(server, short=arguments.short)


def sweeps(server: EmbeddedPostgres, *, rounds: int) -> None:
    for old in (SLOWLY_MADE, MADE_UNDER_FULL_LOAD):
        with cloned_database(server) as database, running_stack(database) as stack:
            asyncio.run(measure_sweep(database, stack, old, rounds=rounds))


def operators(server: EmbeddedPostgres, *, short: bool) -> None:
    with cloned_database(server) as database, open_stack(database, **OPERATORS_ENVIRONMENT) as stack:
        asyncio.run(measure_log_ins_of_operators(database, stack, short=short))


def audit(server: EmbeddedPostgres) -> None:
    with cloned_database(server) as database:
        asyncio.run(measure_audit(database))
    with cloned_database(server) as database, running_stack(database) as stack:
        asyncio.run(measure_logins_beside_the_sealer(database, stack))


def edge(server: EmbeddedPostgres, *, short: bool) -> None:
    with cloned_database(server) as database, running_stack(database) as stack:
        asyncio.run(measure_time_to_the_edge(database, stack, short=short))


async def measure_time_to_the_edge(database: Database, stack: RunningStack, *, short: bool) -> None:
    async with own_pool(database) as pool:
        await measure_edge(stack, pool, Bench(stack, database, pool).codes, short=short)


async def measure_logins_beside_the_sealer(database: Database, stack: RunningStack) -> None:
    async with own_pool(database) as pool:
        await measure_sealer_cost(stack, database, pool, returning("sealed", 500))


async def measure_log_ins_of_operators(database: Database, stack: RunningStack, *, short: bool) -> None:
    async with own_pool(database) as pool:
        await measure_operators(stack, pool, short=short)


def everything(server: EmbeddedPostgres, *, short: bool) -> None:
    with cloned_database(server) as database, running_stack(database) as stack:
        asyncio.run(measure(database, stack, short=short))
    counter = StatementCounter(server.port)
    with cloned_database(server) as database, counter.running() as port:
        counted = CountedDatabase(server, database.name, port)
        with running_stack(counted) as stack:
            asyncio.run(measure_round_trips(database, stack, counter))


if __name__ == "__main__":
    sys.exit(main())
