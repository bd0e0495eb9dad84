"""Laws of the relay's batches: who comes while one is written shares the next, and nobody's end holds others back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import trio
import trio.testing

from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.projection_change import ProjectionChange
from shared.outbox.projection import Projection
from shared.outbox.relay import BATCH, PUBLISH_TIMEOUT, Relay
from tests.support.builders import client_public_key

EPOCH = "epoch"


class SlowProjection:
    """Writes a batch in half a second; `writes` are the ids of each that began."""

    def __init__(self) -> None:
        self.writes: list[list[str]] = []
        self.is_away = False

    async def write(self, sessions: Sequence[DeviceSession], epoch: str) -> Sequence[DeviceSession]:
        self.writes.append([session.device_session_id for session in sessions])
        del epoch
        await trio.sleep(0.5)
        if self.is_away:
            raise DependencyUnavailable("redis")
        return []


class Publishing:
    """A relay before a slow projection; who published is in `published`, in that order."""

    def __init__(self) -> None:
        self.projection = SlowProjection()
        self.relay = Relay(cast(Postgres, None), cast(Projection, self.projection))
        self.published: list[str] = []
        self.refused: list[str] = []

    async def publish(self, *names: str, patience: float = 60) -> None:
        try:
            with trio.fail_after(patience):
                await self.relay.publish([change(name) for name in names], EPOCH)
        except (trio.TooSlowError, DependencyUnavailable):
            self.refused.append(names[0])
        else:
            self.published.append(names[0])


def change(name: str) -> ProjectionChange:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return ProjectionChange(1, DeviceSession(name, "user-1", client_public_key(), "active", now))


@pytest.fixture
def publishing(autojump_clock: trio.testing.MockClock) -> Publishing:
    return Publishing()


async def publish_in_turn(publishing: Publishing, *calls: tuple[str, dict[str, Any]]) -> None:
    async with trio.open_nursery() as nursery:
        for name, options in calls:
            nursery.start_soon(lambda name=name, options=options: publishing.publish(name, **options))
            await trio.sleep(0.1)


async def test_who_comes_while_a_batch_is_written_shares_the_next(publishing: Publishing) -> None:
    await publish_in_turn(publishing, ("a", {}), ("b", {}), ("c", {}))
    assert publishing.projection.writes == [["a"], ["b", "c"]]
    assert sorted(publishing.published) == ["a", "b", "c"]


async def test_a_writer_that_is_cancelled_leaves_its_batch_to_the_others(publishing: Publishing) -> None:
    await publish_in_turn(publishing, ("a", {}), ("b", {"patience": 0.6}), ("c", {}), ("d", {}))
    assert publishing.projection.writes == [["a"], ["b", "c", "d"], ["c", "d"]]
    assert (sorted(publishing.published), publishing.refused) == (["a", "c", "d"], ["b"])


async def test_one_who_waits_and_is_cancelled_holds_nobody_back(publishing: Publishing) -> None:
    await publish_in_turn(publishing, ("a", {}), ("b", {"patience": 0.3}), ("c", {}))
    assert publishing.projection.writes == [["a"], ["c"]]
    assert (publishing.published, publishing.refused) == (["a", "c"], ["b"])


async def test_a_fault_reaches_all_of_its_batch_and_not_the_next(publishing: Publishing) -> None:
    publishing.projection.is_away = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(publishing.publish, "a")
        await trio.sleep(0.7)
        publishing.projection.is_away = False
        await publishing.publish("b")
    assert (publishing.refused, publishing.published) == (["a"], ["b"])


async def test_a_large_change_is_written_in_bounded_batches_in_its_order(publishing: Publishing) -> None:
    names = [f"s{number}" for number in range(BATCH + 10)]
    await publishing.publish(*names)
    assert publishing.projection.writes == [names[:BATCH], names[BATCH:]]


async def test_a_publish_ends_within_its_bound(publishing: Publishing) -> None:
    names = [f"s{number}" for number in range(6 * BATCH)]
    start = trio.current_time()
    await publishing.publish(*names)
    assert trio.current_time() - start == pytest.approx(PUBLISH_TIMEOUT.total_seconds(), abs=0.1)
    assert publishing.refused == ["s0"]
