"""Measures each operation at each size in turn, so that other load of the machine affects all sizes alike."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.growth.operations import OPERATIONS, Operation
from bench.growth.scene import Scene

_BACKENDS = "select pid from pg_stat_activity where datname = current_database() and application_name <> 'bench'"


@dataclass(slots=True)
class Samples:
    """Of one operation at one size. CPU in seconds of all calls together."""

    seconds: list[float] = field(default_factory=list)
    postgres: float = 0.0
    services: float = 0.0

    @property
    def p50(self) -> float:
        """Milliseconds."""
        return statistics.median(self.seconds) * 1000

    @property
    def p99(self) -> float:
        """Milliseconds; of fewer than 100 calls it is close to the slowest."""
        return statistics.quantiles(self.seconds, n=100, method="inclusive")[98] * 1000

    @property
    def postgres_cpu(self) -> float:
        """Milliseconds a call, of the backends; checkpoints and the writing of the log aside."""
        return self.postgres * 1000 / len(self.seconds)

    @property
    def services_cpu(self) -> float:
        """Milliseconds a call, of both processes."""
        return self.services * 1000 / len(self.seconds)

    @property
    def cpu(self) -> float:
        """Milliseconds a call, all together."""
        return self.postgres_cpu + self.services_cpu


Measured = dict[str, dict[int, Samples]]
"""By the operation's name, then by the number of sessions."""


async def measure_operations(scenes: Sequence[Scene], rounds: int) -> Measured:
    """The first round warms up, and is not counted."""
    measured: Measured = {}
    for number in range(rounds + 1):
        if number <= 1:
            measured = {name: {scene.sessions: Samples() for scene in scenes} for name in OPERATIONS}
        for name, operation in OPERATIONS.items():
            for scene in scenes[:: 1 if number % 2 else -1]:
                await _turn(scene, operation, measured[name][scene.sessions])
    return measured


async def _turn(scene: Scene, operation: Operation, samples: Samples) -> None:
    await scene.reconnect()
    calls = await operation(scene)
    await scene.reconnect()
    services, postgres = _services_seconds(scene), await _backends(scene)
    for call in calls:
        started = time.perf_counter()
        await call()
        samples.seconds.append(time.perf_counter() - started)
    samples.services += _services_seconds(scene) - services
    after = await _backends(scene)
    samples.postgres += sum(used - postgres.get(pid, 0.0) for pid, used in after.items())


def _services_seconds(scene: Scene) -> float:
    return sum(_on_cpu(scene.stack.child(name).pid) for name in ("public", "internal"))


async def _backends(scene: Scene) -> dict[int, float]:
    """CPU seconds of each backend that serves the services."""
    return {row["pid"]: _on_cpu(row["pid"]) for row in await scene.pool.fetch(_BACKENDS)}


def _on_cpu(pid: int) -> float:
    """CPU seconds of all threads, to the nanosecond (proc(5), schedstat); 0 for a process that has ended."""
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    try:
        return sum(int(file.read_text().split()[0]) for file in files) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
