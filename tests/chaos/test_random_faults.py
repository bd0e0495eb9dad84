"""Random faults from a printed seed, while people log in and are revoked and blocked. Nothing may be missing
afterwards.

`CHAOS_SEED` draws the same faults again in the same order. The machine decides which request a fault meets.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from random import Random

from tests.chaos.random_run import a_run, chosen_seed
from tests.chaos.weather import FAULTS

FAULTS_OF_A_SHORT_RUN = 5
MOST_TOLD = 20
"""The number of violations that a failure shows. The others are mostly of the same kind."""


def schedule(chance: Random, rounds: int) -> Iterator[str]:
    """The order of the faults. Each round has every fault once, shuffled; a single round has only the first ones."""
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
