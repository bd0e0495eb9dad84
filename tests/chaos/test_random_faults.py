"""Random faults, drawn from a printed seed, while people log in, are revoked and blocked; then nothing may be missing.

`CHAOS_SEED` draws the same faults again in the same order; when they meet which request is up to the machine.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from random import Random

from tests.chaos.random_run import a_run, chosen_seed
from tests.chaos.weather import FAULTS

FAULTS_OF_A_SHORT_RUN = 5
MOST_TOLD = 20
"""Violations: the rest are many of the same."""


def schedule(chance: Random, rounds: int) -> Iterator[str]:
    """Each fault once a round, shuffled; of a single round, the first ones."""
    for _ in range(rounds):
        names = chance.sample(list(FAULTS), len(FAULTS))
        yield from names if rounds > 1 else names[:FAULTS_OF_A_SHORT_RUN]


def test_random_faults_lose_double_and_revive_nothing(rounds: int, tell: Callable[[Sequence[str]], None]) -> None:
    seed = chosen_seed()
    tell([f"CHAOS_SEED={seed} CHAOS_ROUNDS={rounds}"])
    chance = Random(seed)
    with a_run(seed) as run:
        run.visitors.heal(since=time.monotonic())
        for fault in schedule(chance, rounds):
            run.inject(fault, chance)
            time.sleep(chance.uniform(0, 0.5))
        run.visitors.stop()
        run.settle()
        violations = run.judge()
        tell([*run.table(violations), *map(str, violations[:MOST_TOLD])])
        assert (violations, run.visitors.wrong) == ([], []), f"CHAOS_SEED={seed}"
