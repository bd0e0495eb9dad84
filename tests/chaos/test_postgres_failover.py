"""Postgres fails over under load. Acknowledged requests are on the standby, once, and the processes find it by
themselves.

The load repeats unacknowledged requests, as clients are told to.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager

from tests.support.builders import email_address
from tests.support.census import take_census
from tests.support.database import TEMPLATE, create_template, run_sql
from tests.support.load import INTERNAL, PUBLIC, Connections, Load, under_load
from tests.support.postgres_pair import PairedDatabase, make_synchronous, promote, temporary_pair
from tests.support.stack import RunningStack, open_stack, wait_for
from tests.support.toll import Toll

NOTICED_AFTER = 0.5
"""Seconds that a failover manager needs to notice. The processes are not to blame for that time."""


@contextmanager
def replicated_stack() -> Generator[tuple[PairedDatabase, RunningStack]]:
    """Both services, on a database that exists on a primary and on its synchronous standby."""
    with temporary_pair() as (primary, standby):
        create_template(primary)
        run_sql(primary.dsn(), f"create database product template {TEMPLATE}")
        make_synchronous(primary)
        database = PairedDatabase(primary, "product", standby)
        with open_stack(database) as stack:
            yield database, stack


def test_a_primary_that_is_killed_under_load_loses_nothing_once_its_standby_is_promoted(
    toll: Toll, rounds: int
) -> None:
    for _ in range(rounds):
        with replicated_stack() as (database, stack):
            with under_load(*stack.ports) as load:
                load.wait_for_more(logins=15)
                database.server.kill()
                time.sleep(NOTICED_AFTER)
                promoted_at = time.monotonic()
                promote(database.standby)
                healed = load.seconds_to_heal(since=promoted_at)
                load.wait_for_more(logins=5)
            census = take_census(load, database.on_standby(), stack.redis_server.port)
            toll("Postgres: primary killed, synchronous standby promoted", load, census, healed)
            assert census.is_clean, census
            assert healed < 10


def test_nothing_is_acknowledged_while_the_synchronous_standby_is_away(toll: Toll) -> None:
    """A commit is then on one disk only. It is neither acknowledged nor lost."""
    with replicated_stack() as (database, stack):
        with under_load(*stack.ports) as load:
            load.wait_for_more(logins=8)
            database.standby.kill()
            wait_for(lambda: nobody_is_acknowledged(load), timeout=30)
            assert status_of_a_send(stack) == 503
            database.standby.start()
            healed = seconds_until_a_send_is_taken(stack)
        census = take_census(load, database, stack.redis_server.port)
        toll("Postgres: synchronous standby away", load, census, healed)
        assert census.is_clean, census
        assert healed < 10


def nobody_is_acknowledged(load: Load) -> bool:
    """Whether nobody is acknowledged for longer than a unit of work may take."""
    acknowledged = load.acknowledged
    time.sleep(6)
    return load.acknowledged == acknowledged


def status_of_a_send(stack: RunningStack) -> int:
    """The status of one send. By then all clients of the load may be waiting for a mail."""
    public, internal = stack.ports
    with Connections({PUBLIC: public, INTERNAL: internal}) as connections:
        status, _ = connections.ask("POST", f"{PUBLIC}/send-email-code", {"email": email_address()})
    return status


def seconds_until_a_send_is_taken(stack: RunningStack) -> float:
    """The seconds until a send of a new client succeeds. The load's clients may wait for claimed mails until the leases
    end.
    """
    began = time.monotonic()
    wait_for(lambda: status_of_a_send(stack) == 200, timeout=30)
    return time.monotonic() - began
