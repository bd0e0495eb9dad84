"""One measured window: the number of logins, the time of each, and their cost."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import asyncpg
import psutil

from authsession.embedded.postgres import EmbeddedPostgres
from bench.peers.load import Load
from bench.peers.system import Login, Running

_COMMITS = "select xact_commit from pg_stat_database where datname = $1"
_WRITES = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


@dataclass(frozen=True, slots=True)
class Measurement:
    """Times in milliseconds, CPU in milliseconds a login, memory in MiB."""

    logins: int
    logins_a_second: float
    p50: float
    p95: float
    p99: float
    mail_p50: float
    service_cpu: float
    postgres_cpu: float
    generator_cpu: float
    commits: float
    writing_commits: float
    memory: float

    @property
    def cpu(self) -> float:
        """Service and Postgres together."""
        return self.service_cpu + self.postgres_cpu

    @property
    def logins_a_cpu_second(self) -> float:
        return 1000 / self.cpu


def median(measurements: Sequence[Measurement]) -> Measurement:
    """Of each number by itself."""
    rows = [asdict(measurement) for measurement in measurements]
    return Measurement(**{name: statistics.median(row[name] for row in rows) for name in rows[0]})


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    service: float
    postgres: float
    generator: float
    commits: int
    writes: int
    memory: int


async def measure(
    server: EmbeddedPostgres, running: Running, load: Load, *, clients: int, warm_up: float, seconds: float
) -> Measurement:
    """Of `seconds` that begin after `warm_up` seconds of the same load, and end before the load does."""
    loading = asyncio.create_task(load.run(clients, warm_up + seconds + 1))
    await asyncio.wait({loading}, timeout=warm_up)
    before, first = await _read(server, running), len(load.finished)
    await asyncio.wait({loading}, timeout=seconds)
    after, last = await _read(server, running), len(load.finished)
    await loading
    return _measurement(before, after, load.finished[first:last])


async def _read(server: EmbeddedPostgres, running: Running) -> _Reading:
    connection = await asyncpg.connect(server.dsn(), ssl=False)
    commits = await connection.fetchval(_COMMITS, running.database)
    writes = await connection.fetchval(_WRITES)
    await connection.close()
    processes = [process for pid in running.pids for process in _family(pid)]
    return _Reading(
        at=time.perf_counter(),
        service=sum(map(_cpu_seconds, processes)),
        postgres=sum(map(_cpu_seconds, _family(server.pid))),
        generator=_cpu_seconds(psutil.Process()),
        commits=commits,
        writes=writes,
        memory=sum(process.memory_info().rss for process in processes),
    )


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu_seconds(process: psutil.Process) -> float:
    """User and system, and of the children that ended (a server process of Postgres ends with its connection)."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # it ended between two looks: its parent has its time from now on
        return 0.0
    return times.user + times.system + times.children_user + times.children_system


def _measurement(before: _Reading, after: _Reading, logins: Sequence[Login]) -> Measurement:
    number = len(logins)
    milliseconds = sorted((login.send + login.confirm) * 1000 for login in logins)
    percentiles = statistics.quantiles(milliseconds, n=100)
    return Measurement(
        logins=number,
        logins_a_second=number / (after.at - before.at),
        p50=percentiles[49],
        p95=percentiles[94],
        p99=percentiles[98],
        mail_p50=statistics.median(login.mailed_after for login in logins) * 1000,
        service_cpu=(after.service - before.service) * 1000 / number,
        postgres_cpu=(after.postgres - before.postgres) * 1000 / number,
        generator_cpu=(after.generator - before.generator) * 1000 / number,
        commits=(after.commits - before.commits) / number,
        writing_commits=(after.writes - before.writes) / number,
        memory=after.memory / 2**20,
    )
