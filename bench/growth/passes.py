"""The operations over all sessions: a rebuild into an empty Redis, and its verification."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

import psutil

from authsession.embedded.redis import EmbeddedRedis
from authsession.service import SOURCE
from bench.processes import cpu_seconds
from tests.support.database import Database
from tests.support.stack import REDIS_PASSWORD


@dataclass(frozen=True, slots=True)
class Pass:
    """Seconds; of verify without its wait between two looks. CPU in seconds, memory of Redis in bytes."""

    seconds: float
    cpu: float
    records: int
    memory: int
    differences: int
    postgres: float
    redis: float

    @property
    def records_a_second(self) -> float:
        return self.records / self.seconds


def run_pass(action: Literal["rebuild", "verify"], database: Database, redis_server: EmbeddedRedis) -> Pass:
    """Raises if the process fails or finds a difference."""
    given = {
        "BENCH_POSTGRES": database.internal_dsn,
        "BENCH_REDIS": redis_server.address,
        "BENCH_REDIS_PASSWORD": REDIS_PASSWORD,
    }
    command = [sys.executable, "-m", "bench.growth.projection_pass", action]
    postgres, redis = _tree_cpu_seconds(database.server.pid), cpu_seconds(redis_server.pid)
    ended = subprocess.run(command, cwd=SOURCE, env=os.environ | given, stdout=subprocess.PIPE, check=True)
    postgres, redis = _tree_cpu_seconds(database.server.pid) - postgres, cpu_seconds(redis_server.pid) - redis
    measured = Pass(**json.loads(ended.stdout), postgres=postgres, redis=redis)
    assert measured.differences == 0, f"{action} found {measured.differences} differences"
    return measured


def rebuild_empty(database: Database, redis_server: EmbeddedRedis) -> Pass:
    """As after the loss of all of Redis."""
    redis_server.kill()
    redis_server.start()
    return run_pass("rebuild", database, redis_server)


def _tree_cpu_seconds(pid: int) -> float:
    """Of a process and its children, also of those that have ended."""
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children())]
    return sum(each.user + each.system + each.children_user + each.children_system for each in times)
