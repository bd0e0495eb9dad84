"""Laws of the circuit, on a clock that jumps."""

from datetime import timedelta

import pytest
import trio
from trio.testing import MockClock

from shared.io.circuit import Circuit, CircuitOpen, NeighbourDown


@pytest.fixture
def circuit() -> Circuit:
    return Circuit(failures=3, cool_down=timedelta(seconds=2))


def fail(circuit: Circuit, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(NeighbourDown), circuit.call():
            raise NeighbourDown


def succeed(circuit: Circuit) -> None:
    with circuit.call():
        pass


async def test_it_opens_after_so_many_failures_in_a_row_and_calls_no_more(
    circuit: Circuit, autojump_clock: MockClock
) -> None:
    fail(circuit, 2)
    assert not circuit.is_open
    fail(circuit)
    assert circuit.is_open
    with pytest.raises(CircuitOpen) as refused, circuit.call():
        pytest.fail("the neighbour was called")
    assert refused.value.retry_after == timedelta(seconds=2)


async def test_a_success_in_between_keeps_it_closed(circuit: Circuit, autojump_clock: MockClock) -> None:
    for _ in range(10):
        fail(circuit, 2)
        succeed(circuit)
    assert not circuit.is_open


async def test_any_other_exception_shows_that_the_neighbour_lives(circuit: Circuit, autojump_clock: MockClock) -> None:
    fail(circuit, 2)
    with pytest.raises(ValueError, match="malformed"), circuit.call():
        raise ValueError("malformed")
    fail(circuit, 2)
    assert not circuit.is_open


async def test_half_open_it_lets_one_call_through_and_a_success_closes_it(
    circuit: Circuit, autojump_clock: MockClock
) -> None:
    fail(circuit, 3)
    await trio.sleep(2)
    with circuit.call(), pytest.raises(CircuitOpen), circuit.call():
        pytest.fail("two probes at once")
    assert not circuit.is_open
    succeed(circuit)


async def test_half_open_a_failure_opens_it_for_another_while(circuit: Circuit, autojump_clock: MockClock) -> None:
    fail(circuit, 3)
    await trio.sleep(2)
    fail(circuit)
    await trio.sleep(1.9)
    with pytest.raises(CircuitOpen), circuit.call():
        pytest.fail("the neighbour was called")
    await trio.sleep(0.2)
    succeed(circuit)


async def test_a_cancelled_call_says_nothing_and_a_cancelled_probe_makes_room_for_another(
    circuit: Circuit, autojump_clock: MockClock
) -> None:
    fail(circuit, 2)
    with trio.move_on_after(1), circuit.call():
        await trio.sleep_forever()
    assert not circuit.is_open
    fail(circuit)
    await trio.sleep(2)
    with trio.move_on_after(1), circuit.call():
        await trio.sleep_forever()
    assert circuit.is_open
    succeed(circuit)
