"""Kill -9 of each part in the middle of a run of logins, then a count (SPEC §1.2, §3.7, §6.3, §6.4)."""

import random
import time
from collections.abc import Callable, Iterator

import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from tests.chaos.logins import Aftermath, Clients, Follower, chosen_seed, revived
from tests.support.database import cloned_database
from tests.support.stack import RunningStack, open_stack


@pytest.fixture
def stack(postgres_server: EmbeddedPostgres, template: str) -> Iterator[RunningStack]:
    """Of the test's own: everything in it is counted."""
    with cloned_database(postgres_server, template) as database, open_stack(database) as running:
        yield running


def kill_redis(stack: RunningStack) -> None:
    stack.redis_server.kill()
    time.sleep(0.2)
    stack.redis_server.start()


KILLS: dict[str, Callable[[RunningStack], None]] = {
    "public": lambda stack: stack.restart("public"),
    "internal": lambda stack: stack.restart("internal"),
    "redis": kill_redis,
}


@pytest.mark.parametrize("victim", KILLS)
def test_kill_9_in_the_middle_of_logins_loses_nothing_that_was_acknowledged(stack: RunningStack, victim: str) -> None:
    seed = chosen_seed()
    chance = random.Random(seed)
    kills = 0

    def disturb() -> None:
        nonlocal kills
        time.sleep(chance.uniform(0.1, 1.2))
        KILLS[victim](stack)
        kills += 1

    clients, follower = Clients(stack, seed), Follower(stack.redis_server.port)
    with follower.following():
        clients.run(disturb)
        Aftermath(stack, clients.told, follower).check()
    assert kills >= 2
    assert clients.told.repeats > 0


def test_the_count_notices_a_session_that_came_back() -> None:
    assert revived([("a", "active"), ("a", "revoked"), ("b", "active"), ("a", "revoked")]) == set()
    assert revived([("a", "revoked"), ("b", "active"), ("a", "active")]) == {"a"}
