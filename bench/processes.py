"""The cost of processes: CPU seconds and resident memory, from the operating system."""

import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds, user and system, of each process since it started."""

    seconds: dict[str, float]

    def since(self, earlier: "Cost", logins: int) -> dict[str, float]:
        """CPU milliseconds per login."""
        return {name: (value - earlier.seconds[name]) * 1000 / logins for name, value in self.seconds.items()}


def cpu_seconds(pid: int) -> float:
    """Of one process, all threads, to the nanosecond: the clock that Linux' clock_getcpuclockid(3) names."""
    return time.clock_gettime(~pid << 3 | 2)


def family_cpu_seconds(pid: int, without: frozenset[int] = frozenset()) -> float:
    """Of a process and those it started (that still run), but for the pids in `without`."""
    children = psutil.Process(pid).children()
    return cpu_seconds(pid) + sum(cpu_seconds(child.pid) for child in children if child.pid not in without)


def resident_mebibytes(pid: int) -> float:
    """The resident memory of the process now."""
    return psutil.Process(pid).memory_info().rss / 2**20
