"""The cost of telemetry for the public process: CPU of a login, measured in turns for each configuration."""

import asyncio
import random
import statistics
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from authsession.embedded.child import free_port
from authsession.embedded.postgres import EmbeddedPostgres
from bench.clients import CodeReader, log_in_many
from bench.processes import cpu_seconds
from shared.kernel.keyring import KeyRing
from tests.support.collector import open_collector
from tests.support.database import Database, cloned_database
from tests.support.stack import SEALING_KEYS, RunningStack, open_stack

LOGINS, CLIENTS, PEOPLE = 100, 8, 200
DRAWS = 2000
"""Of turns, with replacement: how far the median of as many turns swings."""
_LIMITS = {"AUTHSESSION_SEND_RATE_LIMIT": "100000000/1m", "AUTHSESSION_CONFIRM_RATE_LIMIT": "100000000/1m"}
_OTLP = {"OTEL_TRACES_EXPORTER": "otlp"}
_EVERYTHING = {**_OTLP, "OTEL_METRICS_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "otlp"}
_ONE_IN_A_HUNDRED = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}


@dataclass(slots=True)
class Variant:
    """One way to configure telemetry: a stack of its own, and milliseconds of CPU of its public process, by turn."""

    name: str
    stack: RunningStack
    pool: asyncpg.Pool
    milliseconds: list[float] = field(default_factory=list)

    async def take_turn(self) -> None:
        host, _, port = self.stack.public_url.removeprefix("http://").partition(":")
        codes = CodeReader(self.pool, KeyRing.parse("bench", SEALING_KEYS))
        pid = self.stack.child("public").pid
        before = cpu_seconds(pid)
        await log_in_many((host, int(port)), codes, logins=LOGINS, clients=CLIENTS, email=_person)
        self.milliseconds.append((cpu_seconds(pid) - before) * 1000 / LOGINS)


def measure_telemetry(server: EmbeddedPostgres, *, short: bool) -> None:
    """Print CPU a login with the SDK disabled, nothing exported, and tracing at 1 in 100 and 1 in 1."""
    with ExitStack() as resources:
        collector = resources.enter_context(open_collector())
        to_collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.environment["OTEL_EXPORTER_OTLP_ENDPOINT"]}
        to_nobody = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
        environments: dict[str, Mapping[str, str]] = {
            "SDK disabled": {"OTEL_SDK_DISABLED": "true"},
            "off (the default)": {},
            "1 in 100": {**to_collector, **_OTLP, **_ONE_IN_A_HUNDRED},
            "that, metrics and logs": {**to_collector, **_EVERYTHING, **_ONE_IN_A_HUNDRED},
            "that, no collector": {**to_nobody, **_EVERYTHING, **_ONE_IN_A_HUNDRED},
            "every request": {**to_collector, **_OTLP},
        }
        stacks: dict[str, tuple[Database, RunningStack]] = {}
        for name, environment in environments.items():
            database = resources.enter_context(cloned_database(server))
            stacks[name] = database, resources.enter_context(open_stack(database, **_LIMITS, **environment))
        asyncio.run(_measure(stacks, turns=12 if short else 36, turns_of_three=24 if short else 240))


async def _measure(stacks: Mapping[str, tuple[Database, RunningStack]], *, turns: int, turns_of_three: int) -> None:
    """All by turns; then the first three alone, whose difference is small."""
    async with _variants(stacks) as variants:
        await _take_turns(variants, turns)
        _print(variants)
        await _take_turns(variants[:3], turns_of_three)
        _print(variants[:3])


async def _take_turns(variants: Sequence[Variant], turns: int) -> None:
    """The first turn of each warms up."""
    for number in range(turns + 1):
        first = number % len(variants)  # none comes twice in a row, to find its own caches warm
        for variant in (*variants[first:], *variants[:first]):
            await variant.take_turn()
            if number == 0:
                variant.milliseconds.clear()


@asynccontextmanager
async def _variants(stacks: Mapping[str, tuple[Database, RunningStack]]) -> AsyncGenerator[list[Variant]]:
    settings = {"search_path": "authsession", "application_name": "bench"}
    async with AsyncExitStack() as pools:
        variants: list[Variant] = []
        for name, (database, stack) in stacks.items():
            pool = asyncpg.create_pool(database.owner_dsn, ssl=False, min_size=1, max_size=4, server_settings=settings)
            variants.append(Variant(name, stack, await pools.enter_async_context(pool)))
        yield variants


def _print(variants: Sequence[Variant]) -> None:
    """Ratios are of turns of one round: what else the machine does weighs on both alike."""
    base = variants[0].milliseconds
    print(
        f"\nCPU of the public process a login, {len(base)} turns of {LOGINS} logins each, {CLIENTS} clients (medians):"
    )
    for variant in variants:
        ratios = [100 * (mine / theirs - 1) for mine, theirs in zip(variant.milliseconds, base, strict=True)]
        low, high = _interval(ratios)
        middle, milliseconds = statistics.median(ratios), statistics.median(variant.milliseconds)
        print(
            f"  {variant.name:24} {milliseconds:6.3f} ms   {middle:+6.1f} % of `{variants[0].name}` "
            f"(95 % sure: {low:+.1f} to {high:+.1f})"
        )


def _interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Of their median, by drawing from them again and again (the bootstrap; Efron 1979)."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(DRAWS))
    return medians[DRAWS * 25 // 1000], medians[DRAWS * 975 // 1000]


def _person(number: int) -> str:
    return f"telemetry{number % PEOPLE}@example.com"
