"""The key of secrets is changed by a rolling restart under writes and reads, and a rewrap is killed in the middle."""

import base64
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count

import pytest

from services.internal_admin.secrets.domain.secret import StoredVersion
from services.internal_admin.secrets.store import keys
from services.internal_admin.secrets.watch import missing_keys
from services.internal_admin.secrets.worker import Rewrapping
from shared.io.postgres import Postgres
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing
from tests.support.secrets import Keeper
from tests.support.stack import clean_environment
from tests.support.stored_secrets import forget_secrets, ring, store_secrets
from tests.support.world import World

OLD, NEW = (f"{name}:{base64.b64encode(name.encode() * 16).decode()}" for name in ("k1", "k2"))
ROLLING = (ring(OLD), ring(OLD, NEW), ring(NEW, OLD), ring(NEW))
"""The lists of a process, in the documented order."""


@pytest.fixture(autouse=True)
def no_secrets(world: World) -> Iterator[None]:
    yield
    forget_secrets(world.database)


@dataclass
class Replica:
    """An internal process: its ring, and the worker that runs after its start."""

    world: World
    postgres: Postgres
    ring: KeyRing

    def restart(self, new_ring: KeyRing) -> None:
        """The start that is refused if a version needs a key that the new ring lacks, and the pass after it."""
        needed = self.world.call(self.postgres.unit_of_work, keys.count_versions_of_keys)
        assert missing_keys(new_ring, needed) == []
        self.ring = new_ring
        worker = Rewrapping(self.postgres, new_ring, SystemEntropy())
        while self.world.call(worker.step):
            pass

    @property
    def keeper(self) -> Keeper:
        return Keeper(self.world, self.postgres, self.ring)


@dataclass
class Load:
    """Writes by one replica, each read by the other, and an old version with it. A failure ends its thread."""

    replicas: tuple[Replica, Replica]
    old: list[str]
    stopping: threading.Event = field(default_factory=threading.Event)
    done: list[int] = field(default_factory=lambda: [0, 0])

    def run(self, number: int) -> None:
        writer, reader = self.replicas if number else self.replicas[::-1]
        scope = writer.keeper.connection()
        for turn in count():
            if self.stopping.is_set():
                return
            version = writer.keeper.insert(scope, "API_KEY", b"%d" % turn, make_current=True)
            assert reader.keeper.read(version) == b"%d" % turn
            assert reader.keeper.read(StoredVersion(self.old[turn % len(self.old)], 1)) == b"old"
            self.done[number] += 1

    def wait_for_more(self) -> None:
        """Until each thread has made three more turns."""
        wanted = [done + 3 for done in self.done]
        deadline = threading.Event()
        for _ in range(600):
            if all(done >= least for done, least in zip(self.done, wanted, strict=True)):
                return
            deadline.wait(0.05)
        raise TimeoutError("the load stands still")


def test_a_rolling_restart_in_the_documented_order_fails_no_write_and_no_read(
    world: World, wide_pool: Postgres
) -> None:
    """Append, move to the front, take away. No version needs the old key before it goes."""
    old = store_secrets(world.database, ROLLING[0], b"old", count=600)
    replicas = Replica(world, wide_pool, ROLLING[0]), Replica(world, wide_pool, ROLLING[0])
    load = Load(replicas, old)
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(load.run, number) for number in (0, 1)]
        try:
            for step in ROLLING[1:3]:
                for replica in replicas:
                    replica.restart(step)
                    load.wait_for_more()
            replicas[0].restart(ROLLING[2])  # the second pass of a worker, for what the other wrote before its restart
            assert world.call(wide_pool.unit_of_work, keys.count_versions_of_keys).keys() == {"k2"}
            for replica in replicas:
                replica.restart(ROLLING[3])
                load.wait_for_more()
        finally:
            load.stopping.set()
            for thread in running:
                thread.result()
    assert min(load.done) >= 12


def test_the_start_without_a_needed_key_is_refused_with_the_count(world: World) -> None:
    store_secrets(world.database, ROLLING[0], b"value", count=12)
    needed = world.call(world.internal.unit_of_work, keys.count_versions_of_keys)
    [problem] = missing_keys(ROLLING[3], needed)
    assert problem.startswith("AUTHSESSION_SECRET_KEYS lacks the key k1: 12 versions of secrets need it; put it back")
    assert missing_keys(ROLLING[2], needed) == missing_keys(ROLLING[3], {"k2": 1}) == []


def test_a_rewrap_that_is_killed_goes_on_and_doubles_nothing(world: World) -> None:
    """The audit rows of both runs count each version once, and every value opens with the new key alone."""
    stored = store_secrets(world.database, ROLLING[0], b"one", b"two", count=750)
    audit = world.database.execute("select coalesce(max(audit_id), 0) as last from audit_events")[0]["last"]
    command = [sys.executable, "-m", "authsession", "secrets", "rewrap"]
    environment = {
        **clean_environment(),
        "AUTHSESSION_POSTGRES_DSN": world.database.owner_dsn,
        "AUTHSESSION_SECRET_KEYS": f"{NEW},{OLD}",
    }
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        assert first.stderr.readline() == "500 of 1500 data keys\n"
        os.kill(first.pid, signal.SIGKILL)
    assert first.returncode == -signal.SIGKILL
    left = world.call(world.internal.unit_of_work, keys.count_versions_of_keys).get("k1", 0)
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert again.stdout == f"data keys wrapped anew with the key k2: {left}; left: 0\n"
    (row,) = world.database.execute(
        "select sum((details ->> 'count')::int) as rewrapped from audit_events"
        " where audit_id > $1 and event = 'security.rewrap_secrets'",
        audit,
    )
    assert row["rewrapped"] == 1500
    after = Keeper(world, ring=ROLLING[3])
    assert {after.read(StoredVersion(each, 1)) for each in stored[::50]} == {b"one"}
    assert {after.read(StoredVersion(each, 2)) for each in stored[::50]} == {b"two"}
