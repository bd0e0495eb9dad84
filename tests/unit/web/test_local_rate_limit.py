"""The limiter that stands in for Redis: half the rate, bounded memory."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.rate import Rate
from shared.web.local_rate_limit import LocalRateLimiter


@given(st.integers(1, 50), st.lists(st.floats(0, 20), max_size=300))
def test_no_more_than_a_burst_and_half_the_rate_passes(count: int, steps: list[float]) -> None:
    now = 0.0
    limiter = LocalRateLimiter(now=lambda: now)
    limits = [("key", Rate(count, timedelta(seconds=60)))]
    passed = 0
    for step in steps:
        now += step
        passed += limiter.check(limits) is None
    half = max(1, count // 2)
    assert passed <= half + now * half / 60 + 1e-6


@given(st.integers(1, 50))
def test_after_the_wait_it_passes(count: int) -> None:
    now = 0.0
    limiter = LocalRateLimiter(now=lambda: now)
    limits = [("key", Rate(count, timedelta(seconds=60)))]
    while (wait := limiter.check(limits)) is None:
        pass
    now += wait.total_seconds() + 1e-6
    assert limiter.check(limits) is None


@given(st.integers(2, 50), st.integers(1, 50))
def test_a_call_that_counts_for_several_takes_the_room_of_several(count: int, cost: int) -> None:
    cost = min(cost, count)
    limiter = LocalRateLimiter(now=lambda: 0.0)
    limits = [("key", Rate(count, timedelta(seconds=60), cost))]
    passed = 0
    while limiter.check(limits) is None:
        passed += 1
    room = max(1, count // 2 // cost)
    assert room - 1 <= passed <= room  # rounding may lose the room of one call


def test_memory_is_bounded_however_many_networks_come() -> None:
    limiter = LocalRateLimiter(now=lambda: 0.0, most_keys=100)
    for number in range(1000):
        limiter.check([(str(number), Rate(10, timedelta(seconds=60)))])
    assert len(limiter) == 100
