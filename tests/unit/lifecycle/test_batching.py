"""Laws of gathering: who arrives while a batch is under way shares the next; nobody waits for a stranger's fault."""

from collections.abc import Sequence
from itertools import chain

import pytest
import trio
import trio.testing

from shared.kernel.faults import DependencyUnavailable
from shared.lifecycle.batching import MAX_BATCH, PATIENCE, DecidedAgain, Gathering, Turn, Turns


class Server:
    """Doubles numbers, a batch in `seconds`; leaves undone what is in `contended`, fails for what is in `poison`."""

    def __init__(self, seconds: float = 0.01, turns: Turns | None = None) -> None:
        self.seconds = seconds
        self.batches: list[list[int]] = []
        self.alone: list[int] = []
        self.contended: set[int] = set()
        self.poison: set[int] = set()
        self.is_away = False
        self.gathering = Gathering(turns or Turns(), self._double_all, self._double)

    async def _double_all(self, numbers: Sequence[int], turn: Turn) -> list[int | DecidedAgain]:
        del turn
        self.batches.append(list(numbers))
        await trio.sleep(self.seconds)
        if self.is_away:
            raise DependencyUnavailable("postgres")
        if self.poison.intersection(numbers):
            raise ValueError("poison")
        return [DecidedAgain.NEEDED if number in self.contended else 2 * number for number in numbers]

    async def _double(self, number: int) -> int:
        self.alone.append(number)
        if number in self.poison:
            raise ValueError("poison")
        return 2 * number


async def decide_all(server: Server, numbers: Sequence[int], gap: float = 0.0) -> dict[int, int | Exception]:
    """The answers to requests that arrive `gap` seconds one after the other."""
    outcomes: dict[int, int | Exception] = {}

    async def ask(number: int) -> None:
        try:
            outcomes[number] = await server.gathering.decide(number)
        except (DependencyUnavailable, ValueError) as fault:
            outcomes[number] = fault

    async with trio.open_nursery() as nursery:
        for number in numbers:
            nursery.start_soon(ask, number)
            await trio.sleep(gap)
    return outcomes


async def test_the_first_waits_for_nobody_and_all_who_come_meanwhile_share_the_next_batch(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = Server()
    assert await decide_all(server, range(10), gap=0.0001) == {number: 2 * number for number in range(10)}
    assert server.batches == [[0], list(range(1, 10))]


async def test_a_batch_has_at_most_so_many(autojump_clock: trio.testing.MockClock) -> None:
    server = Server()
    outcomes = await decide_all(server, range(2 * MAX_BATCH + 5))
    assert outcomes == {number: 2 * number for number in range(2 * MAX_BATCH + 5)}
    assert max(map(len, server.batches)) == MAX_BATCH
    assert sorted(chain.from_iterable(server.batches)) == list(range(2 * MAX_BATCH + 5))


async def test_a_contending_request_is_decided_alone(autojump_clock: trio.testing.MockClock) -> None:
    server = Server()
    server.contended = {3, 4}
    assert await decide_all(server, range(6)) == {number: 2 * number for number in range(6)}
    assert sorted(server.alone) == [3, 4]


async def test_a_fault_of_one_reaches_only_that_one(autojump_clock: trio.testing.MockClock) -> None:
    server = Server()
    server.poison = {3}
    outcomes = await decide_all(server, range(6))
    assert isinstance(outcomes.pop(3), ValueError)
    assert outcomes == {0: 0, 1: 2, 2: 4, 4: 8, 5: 10}


async def test_a_server_that_is_away_is_told_to_all_and_tried_again_by_the_next(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = Server()
    server.is_away = True
    outcomes = await decide_all(server, range(6))
    assert all(isinstance(fault, DependencyUnavailable) for fault in outcomes.values())
    assert server.alone == []
    server.is_away = False
    assert await server.gathering.decide(7) == 14


async def test_a_batch_that_hangs_holds_back_nobody_who_comes_later(autojump_clock: trio.testing.MockClock) -> None:
    server = Server(seconds=60)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.gathering.decide, 1)
        await trio.sleep(1)
        server.seconds = 0.01
        with trio.fail_after(2 * PATIENCE.total_seconds()):
            assert await server.gathering.decide(2) == 4
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("cancelled", range(4))
async def test_one_who_leaves_takes_nobody_along(autojump_clock: trio.testing.MockClock, cancelled: int) -> None:
    server = Server()
    outcomes: dict[int, int] = {}
    scopes = [trio.CancelScope() for _ in range(4)]

    async def ask(number: int) -> None:
        with scopes[number]:
            outcomes[number] = await server.gathering.decide(number)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(ask, number)
                await trio.sleep(0.001)
            scopes[cancelled].cancel()
    assert outcomes.items() >= {number: 2 * number for number in range(4) if number != cancelled}.items()
    assert await server.gathering.decide(9) == 18


async def test_each_is_taken_once_however_turns_and_impatience_meet(autojump_clock: trio.testing.MockClock) -> None:
    """Batches that end just as the patience of those who wait does."""
    server = Server(seconds=PATIENCE.total_seconds())
    outcomes = await decide_all(server, range(300), gap=0.003)
    assert outcomes == {number: 2 * number for number in range(300)}
    assert sorted(chain.from_iterable(server.batches)) == list(range(300))


async def test_a_waiter_taken_by_another_batch_is_decided_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The patience of all ends at once: some run batches of those before them. Which ones is trio's dice."""
    for _ in range(10):
        server = Server(seconds=4 * PATIENCE.total_seconds())
        assert await decide_all(server, range(10 * MAX_BATCH)) == {
            number: 2 * number for number in range(10 * MAX_BATCH)
        }
        assert sorted(chain.from_iterable(server.batches)) == list(range(10 * MAX_BATCH))
        assert server.alone == []


async def test_kinds_take_turns_and_who_has_waited_longest_is_next(autojump_clock: trio.testing.MockClock) -> None:
    turns, began = Turns(), list[tuple[str, list[int], float]]()

    class Kind(Server):
        def __init__(self, name: str) -> None:
            super().__init__(turns=turns)
            self.name = name

        async def _double_all(self, numbers: Sequence[int], turn: Turn) -> list[int | DecidedAgain]:
            began.append((self.name, list(numbers), round(trio.current_time() - start, 3)))
            return await super()._double_all(numbers, turn)

    sends, confirms, start = Kind("send"), Kind("confirm"), trio.current_time()
    async with trio.open_nursery() as nursery:
        for number, kind in enumerate((sends, confirms, sends, confirms, sends)):
            nursery.start_soon(kind.gathering.decide, number)
            await trio.sleep(0.001)

    assert began == [("send", [0], 0.0), ("confirm", [1, 3], 0.01), ("send", [2, 4], 0.02)]


async def test_a_kind_that_hangs_holds_the_other_back_for_no_longer_than_patience(
    autojump_clock: trio.testing.MockClock,
) -> None:
    turns = Turns()
    hanging, quick = Server(seconds=5, turns=turns), Server(turns=turns)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hanging.gathering.decide, 1)
        await trio.sleep(0.001)
        start = trio.current_time()
        assert await quick.gathering.decide(2) == 4
        assert trio.current_time() - start == pytest.approx(PATIENCE.total_seconds() + quick.seconds)


async def test_a_batch_that_ended_its_turn_holds_nobody_back_and_answers_when_it_is_through(
    autojump_clock: trio.testing.MockClock,
) -> None:
    turns = Turns()

    async def decide_then_go_on(numbers: Sequence[int], turn: Turn) -> list[int | DecidedAgain]:
        await trio.sleep(0.01)
        turn.end()
        await trio.sleep(1)
        return [number + 1 for number in numbers]

    server = Server(turns=turns)
    slow = Gathering(turns, decide_then_go_on, server._double)
    began, answered = trio.current_time(), dict[str, tuple[int, float]]()

    async def ask(name: str, gathering: Gathering[int, int], number: int) -> None:
        outcome = await gathering.decide(number)
        answered[name] = outcome, round(trio.current_time() - began, 3)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, "slow", slow, 1)
        await trio.sleep(0.001)
        nursery.start_soon(ask, "next", server.gathering, 2)

    assert answered == {"slow": (2, 1.01), "next": (4, 0.02)}
    assert turns.under_way == 0
