"""Laws of publishing: what is large goes in bounded batches, all of it ends in time, and nobody waits for another."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import pytest
import trio
import trio.testing

from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.projection_change import ProjectionChange
from shared.projection.projection import Projection
from shared.projection.relay import BATCH, PUBLISH_TIMEOUT, Relay
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

    async def publish(self, *names: str) -> None:
        try:
            await self.relay.publish([change(name) for name in names], EPOCH)
        except DependencyUnavailable:
            self.refused.append(names[0])
        else:
            self.published.append(names[0])


def change(name: str) -> ProjectionChange:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return ProjectionChange(1, DeviceSession(name, "user-1", client_public_key(), "active", now))


@pytest.fixture
def publishing(autojump_clock: trio.testing.MockClock) -> Publishing:
    return Publishing()


async def test_calls_do_not_wait_for_each_other(publishing: Publishing) -> None:
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        for name in ("a", "b", "c"):
            nursery.start_soon(publishing.publish, name)
    assert sorted(publishing.published) == ["a", "b", "c"]
    assert trio.current_time() - start == pytest.approx(0.5, abs=0.1)


async def test_a_fault_reaches_its_caller_and_the_next_is_tried_anew(publishing: Publishing) -> None:
    publishing.projection.is_away = True
    await publishing.publish("a")
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
