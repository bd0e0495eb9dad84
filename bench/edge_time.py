"""Time to the edge: from the start of a revoke request to the first refusal in a following gateway process.

It is measured at rest, under full login load, and through a restart of Redis. Redis is then killed right before the
request, and the time counts from the kill.
"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from authsession.service import SOURCE
from bench.clients import CodeReader, HttpClient, log_in_many
from tests.support.stack import REDIS_PASSWORD, RunningStack, clean_environment

CLIENTS = 8
REDIS_DOWN = 0.5
"""Seconds between the end of Redis and its new start."""
_CAUSE = {"reason_code": "bench", "actor": {"type": "system"}}


@dataclass(slots=True)
class Times:
    """Milliseconds since the revoke request started, an entry a revocation."""

    refused: list[float] = field(default_factory=list)
    revoked: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)

    def show(self, title: str) -> None:
        print(f"\ntime to the edge, {title}: {len(self.refused)} revocations")
        for name, times in (("refused", self.refused), ("revoked", self.revoked), ("answered", self.answered)):
            print(f"  {name:9}" + "  ".join(f"{label} {percentile(times, share):8.1f} ms" for label, share in _SHARES))


_SHARES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))


def percentile(times: list[float], share: float) -> float:
    """The smallest value that `share` of them do not exceed."""
    ordered = sorted(times)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


class Gateway:
    """The other process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018
        self._stdin, self._stdout = process.stdin, process.stdout

    async def line(self) -> str:
        return (await self._stdout.readline()).decode().strip()

    async def serve(self, device_session_id: str) -> None:
        """Returns when it takes the session for active."""
        self._stdin.write(f"{device_session_id}\n".encode())
        assert await self.line() == "active"

    async def refusal(self) -> tuple[int, int]:
        refused, revoked = (await self.line()).split()
        return int(refused), int(revoked)


@asynccontextmanager
async def open_gateway(stack: RunningStack) -> AsyncGenerator[Gateway]:
    environment = clean_environment() | {
        "BENCH_REDIS": stack.redis_server.address,
        "BENCH_REDIS_PASSWORD": REDIS_PASSWORD,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.edge_gateway", cwd=SOURCE, env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        gateway = Gateway(process)
        assert await gateway.line() == "ready"
        yield gateway
    finally:
        process.kill()
        await process.wait()


async def measure_edge(stack: RunningStack, pool: asyncpg.Pool, codes: CodeReader, *, short: bool) -> None:
    """Print all three."""
    rounds, restarts = (200, 3) if short else (1500, 20)
    public = address_of(stack.public_url)
    await log_in_many(
        public, codes, logins=2 * rounds + restarts, clients=CLIENTS, email=lambda n: f"edge{n}@example.com"
    )
    rows = await pool.fetch("select device_session_id from device_sessions where status = 'active'")
    ids = iter([row["device_session_id"] for row in rows])
    async with open_gateway(stack) as gateway:
        (await _revoke_many(stack, gateway, ids, rounds)).show("at rest")
        async with _login_load(public, codes):
            (await _revoke_many(stack, gateway, ids, rounds)).show(f"under full login load ({CLIENTS} clients)")
        through = await _revoke_many(stack, gateway, ids, restarts, before=lambda: _restart(stack))
        through.show(f"through a restart of Redis (down for {REDIS_DOWN} s)")


async def _revoke_many(
    stack: RunningStack,
    gateway: Gateway,
    ids: Iterator[str],
    rounds: int,
    before: Callable[[], asyncio.Task[None]] | None = None,
) -> Times:
    times = Times()
    client = HttpClient(*address_of(stack.internal_url))
    for _ in range(rounds):
        device_session_id = next(ids)
        await gateway.serve(device_session_id)
        started = time.monotonic_ns()
        beside = before() if before is not None else None
        await _revoke(client, device_session_id)
        answered = time.monotonic_ns()
        refused, revoked = await gateway.refusal()
        for kept, instant in ((times.refused, refused), (times.revoked, revoked), (times.answered, answered)):
            kept.append((instant - started) / 1e6)
        if beside is not None:
            await beside
    client.close()
    return times


async def _revoke(client: HttpClient, device_session_id: str) -> None:
    """Repeated until it is answered 200, as 503 asks for."""
    while True:
        try:
            status, _ = await client.post(f"/api/v1/internal/sessions/{device_session_id}/revoke", _CAUSE)
        except ConnectionError:
            continue
        if status == 200:
            return
        await asyncio.sleep(0.05)


def _restart(stack: RunningStack) -> asyncio.Task[None]:
    """Redis is killed now, and started again beside."""
    stack.redis_server.kill()

    async def start() -> None:
        await asyncio.sleep(REDIS_DOWN)
        await asyncio.to_thread(stack.redis_server.start)

    return asyncio.create_task(start())


@asynccontextmanager
async def _login_load(address: tuple[str, int], codes: CodeReader) -> AsyncGenerator[None]:
    async def run() -> None:
        await log_in_many(address, codes, logins=1 << 30, clients=CLIENTS, email=lambda n: f"load{n % 500}@example.com")

    load = asyncio.create_task(run())
    await asyncio.sleep(2)
    yield
    load.cancel()
    await asyncio.gather(load, return_exceptions=True)


def address_of(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)
