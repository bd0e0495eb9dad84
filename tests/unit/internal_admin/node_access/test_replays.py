"""Laws of the memory of signed requests, on a clock that jumps."""

from datetime import timedelta

import trio
from trio.testing import MockClock

from services.internal_admin.node_access.domain import WINDOW
from services.internal_admin.node_access.replays import Replays


async def test_a_request_is_taken_once_for_three_windows(autojump_clock: MockClock) -> None:
    replays = Replays()
    assert replays.take("node-1", "request-1")
    await trio.sleep(3 * WINDOW.total_seconds() - 1)
    assert not replays.take("node-1", "request-1")
    await trio.sleep(timedelta(seconds=2).total_seconds())
    assert replays.take("node-1", "request-1")


async def test_two_nodes_may_use_the_same_request_id() -> None:
    replays = Replays()
    assert replays.take("node-1", "request-1")
    assert replays.take("node-2", "request-1")


async def test_the_memory_keeps_the_newest_requests() -> None:
    replays = Replays(capacity=3)
    for number in range(4):
        assert replays.take("node-1", f"request-{number}")
    assert [replays.take("node-1", f"request-{number}") for number in (1, 2, 3, 0)] == [False, False, False, True]
