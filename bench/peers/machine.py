"""The facts about a run: time, machine and versions."""

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from authsession.embedded.postgres import postgres_binaries
from bench.peers.system import System
from shared.kernel.clock import SystemClock


def facts(command: str, systems: Sequence[System], quality: str) -> list[str]:
    """One sentence each. Ask before the run: the load of the machine is then what others cause."""
    load = os.getloadavg()[0]
    versions = [f"{system.name} {system.version}" for system in systems]
    versions += [f"Python {platform.python_version()}", _said(str(postgres_binaries() / "postgres"), "--version")]
    versions += [f"Node {_said('node', '--version')}"] if shutil.which("node") else []
    return [
        f"`{command}`, {SystemClock().now():%Y-%m-%d %H:%M} UTC: {quality}",
        f"{os.cpu_count()} cores ({_cpu()}), load average before the run {load:.1f}",
        ", ".join(versions),
    ]


def _cpu() -> str:
    names = (line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    return next(names, "model name: unknown").partition(":")[2].strip()


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
