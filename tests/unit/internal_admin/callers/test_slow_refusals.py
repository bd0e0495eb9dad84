"""Laws of the floor under refusals of operators' auth (SPEC §10.6), on a clock that jumps."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock

from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.slow import failing_slowly
from shared.kernel.faults import DependencyUnavailable
from shared.web.exchange import Response


async def seconds_of(work: Callable[[], Awaitable[Response]]) -> float:
    """How long `work` takes behind the floor; what it raises is dropped."""

    began = trio.current_time()
    with suppress(Refusal, DependencyUnavailable):
        await failing_slowly(work)
    return trio.current_time() - began


async def answer(status: int, seconds: float = 0.0) -> Response:
    await trio.sleep(seconds)
    return Response(status, b"{}")


async def fail(error: Exception) -> Response:
    raise error


@pytest.mark.parametrize("status", [400, 401, 403, 409, 429])
async def test_a_refusal_takes_300_ms(status: int, autojump_clock: MockClock) -> None:
    assert await seconds_of(lambda: answer(status)) == pytest.approx(0.3)


@pytest.mark.parametrize("error", [Refusal(ErrorCode.INVALID_CREDENTIALS), DependencyUnavailable("postgres")])
async def test_so_does_one_that_is_raised(error: Exception, autojump_clock: MockClock) -> None:
    assert await seconds_of(lambda: fail(error)) == pytest.approx(0.3)


async def test_the_work_counts_towards_the_floor(autojump_clock: MockClock) -> None:
    assert await seconds_of(lambda: answer(401, seconds=0.2)) == pytest.approx(0.3)


async def test_a_refusal_that_took_longer_waits_no_more(autojump_clock: MockClock) -> None:
    assert await seconds_of(lambda: answer(401, seconds=0.5)) == pytest.approx(0.5)


async def test_a_success_is_not_held_back(autojump_clock: MockClock) -> None:
    assert await seconds_of(lambda: answer(200)) == pytest.approx(0.0)


async def test_a_refusal_that_waits_can_be_cancelled(autojump_clock: MockClock) -> None:
    with trio.move_on_after(0.1) as scope:
        await seconds_of(lambda: answer(401))
    assert scope.cancelled_caught
    assert trio.current_time() == pytest.approx(0.1)
