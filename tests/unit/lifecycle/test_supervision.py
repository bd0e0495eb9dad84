"""Laws of the supervision of workers, in virtual time."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import DependencyUnavailable
from shared.lifecycle.supervision import BACKOFF, Signal, supervise

IDLE = timedelta(seconds=60)


class LargestJitter:
    """Entropy that always waits the whole time."""

    def token_bytes(self, count: int) -> bytes:
        return b"\xff" * count

    def six_digits(self) -> str:
        raise AssertionError("a worker needs no code")


class Steps:
    """A step that returns or raises, one after the other, what it was given, and 0 from then on."""

    def __init__(self, *results: int | Exception) -> None:
        self.results = list(results)
        self.times: list[float] = []

    async def __call__(self) -> int:
        await trio.lowlevel.checkpoint()
        self.times.append(trio.current_time())
        result = self.results.pop(0) if self.results else 0
        if isinstance(result, Exception):
            raise result
        return result

    @property
    def pauses(self) -> list[float]:
        return [round(later - earlier, 6) for earlier, later in zip(self.times, self.times[1:], strict=False)]


async def run_for(seconds: float, steps: Callable[[], object], **options: object) -> None:
    supervised = partial(supervise, steps, name="test", idle=IDLE, entropy=LargestJitter(), **options)
    with trio.move_on_after(seconds):
        await supervised()


async def test_a_full_batch_is_followed_at_once_and_any_other_after_the_idle_time(autojump_clock: MockClock) -> None:
    steps = Steps(10, 11, 9, 0)
    await run_for(130, steps, batch=10)
    assert steps.pauses == [0, 0, 60, 60]


async def test_a_full_batch_is_followed_by_a_rest_in_proportion_to_its_work(autojump_clock: MockClock) -> None:
    steps = Steps(10, 10, 0)

    async def slow_step() -> int:
        handled = await steps()
        await trio.sleep(2)
        return handled

    await run_for(100, slow_step, batch=10, rest=lambda: 4.0)
    assert steps.pauses == [10, 10, 62]


async def test_the_rest_is_asked_for_after_each_step(autojump_clock: MockClock) -> None:
    rests, steps = [5.0, 2.0], Steps(10, 10, 0)

    async def slow_step() -> int:
        handled = await steps()
        await trio.sleep(1)
        return handled

    await run_for(50, slow_step, batch=10, rest=lambda: rests.pop(0))
    assert steps.pauses == [6, 3]


async def test_the_idle_time_varies_between_half_and_whole(autojump_clock: MockClock) -> None:
    steps = Steps()
    with trio.move_on_after(60 * 200):
        await supervise(steps, name="test", idle=IDLE, entropy=SystemEntropy())
    assert all(30 <= pause <= 60 for pause in steps.pauses)
    assert len(set(steps.pauses)) > 20


async def test_a_signal_ends_the_idle_time(autojump_clock: MockClock) -> None:
    steps, wake = Steps(), Signal()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(run_for, 30, steps, wake=wake))
        await trio.sleep(5)
        wake.notify()
    assert steps.pauses == [5]


async def test_signals_during_a_step_are_one_more_step(autojump_clock: MockClock) -> None:
    wake, runs = Signal(), 0

    async def step() -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            wake.notify()
            wake.notify()
        return 0

    await run_for(30, step, wake=wake)
    assert runs == 2


async def test_an_unavailable_dependency_is_awaited_with_growing_and_bounded_pauses(autojump_clock: MockClock) -> None:
    steps = Steps(*[DependencyUnavailable("redis")] * 7, 1, 0, DependencyUnavailable("redis"), 1)
    await run_for(80, steps)
    longest = BACKOFF.cap.total_seconds()
    assert steps.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, longest, longest, 0, 60, 0.1, 0]


async def test_a_signal_does_not_shorten_a_backoff(autojump_clock: MockClock) -> None:
    steps, wake = Steps(*[DependencyUnavailable("redis")] * 3), Signal()
    wake.notify()
    await run_for(1, steps, wake=wake)
    assert steps.pauses == [0.1, 0.2, 0.4, 0]


async def test_an_unavailable_dependency_inside_a_nursery_of_the_step_is_one_too(autojump_clock: MockClock) -> None:
    steps = Steps(ExceptionGroup("of a nursery", [DependencyUnavailable("postgres")]))
    await run_for(1, steps)
    assert steps.pauses == [0.1]


@pytest.mark.parametrize(
    "bug", [KeyError("bug"), ExceptionGroup("", [DependencyUnavailable("redis"), KeyError("bug")])]
)
async def test_any_other_exception_ends_the_worker(autojump_clock: MockClock, bug: Exception) -> None:
    with pytest.RaisesGroup(KeyError, allow_unwrapped=True):
        await run_for(1, Steps(bug))


async def test_a_stop_waits_for_the_step_and_no_other_step_begins(autojump_clock: MockClock) -> None:
    finished: list[float] = []

    async def step() -> int:
        await trio.sleep(3)
        finished.append(trio.current_time())
        return 1

    started = trio.current_time()
    await run_for(4, step)
    assert [time - started for time in finished] == [3, 6]
    assert trio.current_time() - started == 6


async def test_a_worker_reports_that_it_started(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(supervise, Steps(), name="test", idle=IDLE, entropy=LargestJitter()))
        nursery.cancel_scope.cancel()
