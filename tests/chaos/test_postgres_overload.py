"""Postgres without room, on its disk or for another connection. Requests get 503, and never a wrong answer."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from tests.support.census import take_census
from tests.support.database import TEMPLATE, Database, create_template, run_sql
from tests.support.load import Load, under_load
from tests.support.small_disk import NEEDS_ROOT, small_disk
from tests.support.stack import RunningStack, open_stack, wait_for
from tests.support.toll import Toll

DISK = "160m"
"""The size of the small disk: twice a fresh cluster with the product's schema."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack on a Postgres with a small disk, where a disk can be mounted."""
    with ExitStack() as cleanup:
        folder = tmp_path_factory.mktemp("disk")
        cleanup.enter_context(small_disk(folder, DISK))
        server = EmbeddedPostgres(folder)
        cleanup.callback(server.kill)
        server.start()
        create_template(server)
        run_sql(server.dsn(), f"create database product template {TEMPLATE}")
        yield cleanup.enter_context(open_stack(Database(server, "product")))


def test_a_full_disk_refuses_and_loses_nothing(stack: RunningStack, toll: Toll) -> None:
    server = stack.database.server
    if not os.path.ismount(server.folder):
        pytest.skip(NEEDS_ROOT)
    ballast = server.folder / "ballast"
    with under_load(*stack.ports) as load:
        load.wait_for_more(logins=8)
        fill(ballast)
        wait_for(lambda: refused_in_a_row(load), timeout=60)
        ballast.unlink()
        room_at = time.monotonic()
        if server.exit_status() is not None:  # Postgres ends when it has no room even to recover
            server.start()
        healed = load.seconds_to_heal(since=room_at)
        load.wait_for_more(logins=4)
    census = take_census(load, stack.database, stack.redis_server.port)
    toll("Postgres' disk full", load, census, healed)
    assert census.is_clean, census


def fill(ballast: Path) -> None:
    """Fills the disk until nothing fits any more."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def refused_in_a_row(load: Load) -> bool:
    """Whether requests are refused several times in a row."""
    acknowledged, refused = load.acknowledged, load.statuses[503]
    time.sleep(0.3)
    return load.acknowledged == acknowledged and load.statuses[503] > refused


def test_too_many_connections_refuse_and_lose_nothing(stack: RunningStack, toll: Toll) -> None:
    owner = stack.database.server.dsn()
    with under_load(*stack.ports) as load:
        load.wait_for_more(logins=4)
        for role in ("authsession_public", "authsession_internal"):
            run_sql(owner, f"alter role {role} connection limit 0")
        stack.database.cut_connections()
        wait_for(lambda: load.statuses[503] > 5)
        for role in ("authsession_public", "authsession_internal"):
            run_sql(owner, f"alter role {role} connection limit -1")
        healed = load.seconds_to_heal(since=time.monotonic())
    census = take_census(load, stack.database, stack.redis_server.port)
    toll("Postgres takes no further connection", load, census, healed)
    assert census.is_clean, census
