"""Operators: do many logins delay a revocation, and does the time of a refusal reveal its reason (SPEC §10.6)?"""

import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, islice

import asyncpg

from bench.clients import HttpClient
from bench.send_time import auc
from services.internal_admin.operators.domain.argon2id import COST, hash_text
from shared.kernel.entropy import SystemEntropy
from tests.support.stack import RunningStack

CLIENTS = 200
ARRIVALS = 5
ENVIRONMENT = {"AUTHSESSION_TRUSTED_PROXIES": "127.0.0.1/32", "CONTROL_PLANE_OPERATOR_LOGIN_MAX_FAILURES": "1000"}
"""Each log-in comes from a network of its own, and none of ours is locked by being measured."""
PASSWORD, WRONG = "Correct horse 7 staple", "Wrong horse 7 staple"
_LOGIN = "/api/control-plane/auth/login"
_REVOCATION = {"reason_code": "bench", "actor": {"type": "system"}}

_OPERATOR = """
    insert into operators (operator_id, user_name, is_owner, password_hash, password_changed_at, disabled_at,
                           locked_until, created_at)
    values ('operator-' || $1, $1, false, $2, clock_now(), $3, $4, clock_now())
"""
_SESSIONS = """
    with address as (
        insert into emails (folded, created_at) values ('operators-bench@example.com', clock_now()) returning email_id
    ), person as (
        insert into users (user_id, email_id, email, preferred_language, time_zone, created_at)
        select 'user-bench', email_id, 'operators-bench@example.com', 'en', 'UTC', clock_now() from address
    )
    insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id, status,
                                 created_at)
    select 'device-session-bench-' || number, 'user-bench', decode(repeat('11', 32), 'hex'), gen_random_uuid(),
           'challenge-bench-' || number, 'active', clock_now()
      from generate_series(1, $1) as number
"""


@dataclass(slots=True)
class Networks:
    """An address that nobody used for each call."""

    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def header(self) -> str:
        number = next(self.numbers)
        return f"x-forwarded-for: 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


async def measure_operators(stack: RunningStack, pool: asyncpg.Pool, *, short: bool) -> None:
    """Print both. The operators are written directly: one a kind."""
    password_hash = hash_text(PASSWORD, COST, SystemEntropy())
    (now,) = await pool.fetchrow("select clock_now()") or (None,)
    later = now and now.replace(year=now.year + 1)
    for name, disabled_at, locked_until in (
        ("ada", None, None), ("locked", None, later), ("disabled", now, None)
    ):  # fmt: skip
        await pool.execute(_OPERATOR, name, password_hash, disabled_at, locked_until)
    networks = Networks()
    await _delay_of_revocations(stack, pool, networks, revocations=100 if short else 200)
    await _time_of_refusals(stack, networks, pairs=100 if short else 300)


async def _delay_of_revocations(
    stack: RunningStack, pool: asyncpg.Pool, networks: Networks, *, revocations: int
) -> None:
    """Each revokes another session and waits until gateways can see it, ten a second."""
    await pool.execute(_SESSIONS, 2 * revocations + 2 * ARRIVALS)
    numbers = iter(range(1, 2 * revocations + 2 * ARRIVALS + 1))
    client = HttpClient("127.0.0.1", stack.ports[1])
    alone = await _revoke(client, islice(numbers, revocations))
    arriving = {
        what: [await _revoke_as_they_arrive(stack, client, next(numbers), path, networks) for _ in range(ARRIVALS)]
        for what, path in (("log-ins", _LOGIN), ("requests that are 404", "/nothing"))
    }
    async with _logging_in(stack, networks) as statuses:
        await asyncio.sleep(2)
        started, before = time.perf_counter(), len(statuses)
        beside = await _revoke(client, islice(numbers, revocations))
        decided = [status for status in statuses[before:] if status != 503]
        rate = len(decided) / (time.perf_counter() - started)
    print(f"\n{revocations} revocations, alone and while {CLIENTS} clients log in, {rate:.0f} of them a second:")
    for name, seconds in (("alone", alone), ("beside", beside)):
        print("  {:8} p50 {:6.1f} ms   p99 {:6.1f} ms   most {:6.1f} ms".format(name, *_spread(seconds)))
    print(f"  p99 is later by {_spread(beside)[1] - _spread(alone)[1]:.1f} ms (50 are allowed)")
    print(f"one revocation at the same instant as {CLIENTS} new connections, median of {ARRIVALS}: " + ", ".join(
        f"{what} {statistics.median(seconds) * 1000:.0f} ms" for what, seconds in arriving.items()
    ))  # fmt: skip


async def _revoke(client: HttpClient, numbers: Iterable[int]) -> list[float]:
    """Seconds of each."""
    times: list[float] = []
    for number in numbers:
        await asyncio.sleep(0.1)
        times.append(await _revoke_one(client, number))
    return times


async def _revoke_one(client: HttpClient, number: int) -> float:
    started = time.perf_counter()
    answer = await client.exchange(f"/api/v1/internal/sessions/device-session-bench-{number}/revoke", _REVOCATION)
    if answer.status != 200:
        raise RuntimeError(f"revoke: {answer.status} {answer.body!r}")
    return time.perf_counter() - started


async def _revoke_as_they_arrive(
    stack: RunningStack, client: HttpClient, number: int, path: str, networks: Networks
) -> float:
    """Seconds of one revocation that is sent just behind `CLIENTS` requests on as many new connections."""
    others = [HttpClient("127.0.0.1", stack.ports[1]) for _ in range(CLIENTS)]
    body = {"user_name": "nobody", "password": WRONG}
    async with asyncio.TaskGroup() as asked:
        for other in others:
            asked.create_task(other.exchange(path, body, networks.header()))
        await asyncio.sleep(0)
        seconds = await _revoke_one(client, number)
    for other in others:
        other.close()
    return seconds


@asynccontextmanager
async def _logging_in(stack: RunningStack, networks: Networks) -> AsyncGenerator[list[int]]:
    """`CLIENTS` closed loops, half of them with the right password; the statuses so far (503: waited too long)."""
    statuses: list[int] = []

    async def log_in_again_and_again(password: str) -> None:
        client, body = HttpClient("127.0.0.1", stack.ports[1]), {"user_name": "ada", "password": password}
        while True:
            statuses.append((await client.exchange(_LOGIN, body, networks.header())).status)

    async with asyncio.TaskGroup() as clients:
        tasks = [
            clients.create_task(log_in_again_and_again((PASSWORD, WRONG)[number % 2])) for number in range(CLIENTS)
        ]
        yield statuses
        for task in tasks:
            task.cancel()
    if set(statuses) - {200, 401, 503}:
        raise RuntimeError(f"log-ins: {set(statuses)}")


def _spread(seconds: list[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and most, in milliseconds."""
    return (
        statistics.median(seconds) * 1000,
        statistics.quantiles(seconds, n=100)[98] * 1000,
        max(seconds) * 1000,
    )


async def _time_of_refusals(stack: RunningStack, networks: Networks, *, pairs: int) -> None:
    """The AUC for each kind of refusal against an unknown name."""
    print(f"\ntime of a refused log-in, AUC over {pairs} pairs against an unknown name (0.5 ± 0.05 tells nothing):")
    kinds = {
        "unknown again": ("nobody-else", PASSWORD),
        "wrong password": ("ada", WRONG),
        "locked": ("locked", PASSWORD),
        "disabled": ("disabled", PASSWORD),
    }
    for kind, (name, password) in kinds.items():
        left, right = await _time_pairs(stack, networks, (name, password), ("nobody", PASSWORD), pairs)
        medians = f"medians {statistics.median(left) * 1000:.2f} and {statistics.median(right) * 1000:.2f} ms"
        print(f"  {kind:16} {auc(left, right):.3f}   ({medians})")


async def _time_pairs(
    stack: RunningStack, networks: Networks, left: tuple[str, str], right: tuple[str, str], pairs: int
) -> tuple[list[float], list[float]]:
    """Seconds of a log-in of each side in turn, the first of a pair alternating, in four loops at once."""
    times: tuple[list[float], list[float]] = ([], [])

    async def loop() -> None:
        client = HttpClient("127.0.0.1", stack.ports[1])
        for number in range(pairs // 4):
            for side in (0, 1) if number % 2 else (1, 0):
                name, password = (left, right)[side]
                started = time.perf_counter()
                answer = await client.exchange(_LOGIN, {"user_name": name, "password": password}, networks.header())
                times[side].append(time.perf_counter() - started)
                if answer.status != 401:
                    raise RuntimeError(f"log-in: {answer.status} {answer.body!r}")

    async with asyncio.TaskGroup() as loops:
        for _ in range(4):
            loops.create_task(loop())
    return times
