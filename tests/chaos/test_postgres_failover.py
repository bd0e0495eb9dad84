"""Postgres fails over under load: what was acknowledged is on the standby, once, and the processes find it themselves.

SPEC §1.3; the issue's item on Postgres. The load repeats what is not acknowledged, as clients are told to.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.census import take_census
from tests.support.database import TEMPLATE, create_template, run_sql
from tests.support.load import under_load
from tests.support.postgres_pair import PairedDatabase, make_synchronous, promote, temporary_pair
from tests.support.stack import RunningStack, open_stack
from tests.support.toll import Toll


@contextmanager
def replicated_stack() -> Iterator[tuple[PairedDatabase, RunningStack]]:
    """Both services, on a database that exists on a primary and on its synchronous standby."""
    with temporary_pair() as (primary, standby):
        create_template(primary)
        run_sql(primary.dsn(), f"create database product template {TEMPLATE}")
        make_synchronous(primary)
        database = PairedDatabase(primary, "product", standby)
        with open_stack(database) as stack:
            yield database, stack


def test_a_primary_that_is_killed_under_load_loses_nothing_once_its_standby_is_promoted(toll: Toll) -> None:
    with replicated_stack() as (database, stack):
        with under_load(*stack.ports) as load:
            load.wait_for_more(logins=20)
            database.server.kill()
            time.sleep(0.5)  # what a failover manager needs to notice
            promoted_at = time.monotonic()
            promote(database.standby)
            healed = load.seconds_to_heal(since=promoted_at)
            load.wait_for_more(logins=10)
        census = take_census(load, database.on_standby(), stack.redis_server.port)
        toll("Postgres: primary killed, synchronous standby promoted", load, census, healed)
        assert census.is_clean, census
        assert healed < 10
