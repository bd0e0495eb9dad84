"""Each part is killed with kill -9 during logins, several times (SPEC §1.2, §3.7, §6.3, §6.4). Nothing is missing
afterwards.
"""

import time
from random import Random

from tests.chaos.follower import revived
from tests.chaos.random_run import a_run, chosen_seed

KILLS = ("public process killed", "internal process killed", "Redis killed")
TIMES = 3
"""The number of times that each part is killed."""


def test_kill_9_in_the_middle_of_logins_loses_nothing_that_was_acknowledged() -> None:
    seed = chosen_seed()
    chance = Random(seed)
    with a_run(seed) as run:
        run.visitors.heal(since=time.monotonic())
        for fault in chance.sample(KILLS * TIMES, len(KILLS) * TIMES):
            run.inject(fault, chance)
        run.visitors.stop()
        run.settle()
        assert (run.judge(), run.visitors.wrong) == ([], []), f"CHAOS_SEED={seed}"


def test_the_count_notices_a_session_that_came_back() -> None:
    assert revived([("a", "active"), ("a", "revoked"), ("b", "active"), ("a", "revoked")]) == set()
    assert revived([("a", "revoked"), ("b", "active"), ("a", "active")]) == {"a"}
