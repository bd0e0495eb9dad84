"""A walk over sessions on real Postgres meets each once. It reads the next page while the caller works on one."""

from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import pytest
import trio

from shared.kernel.device_session import DeviceSession
from shared.projection import session_walk, store
from shared.projection.session_walk import SessionWalk
from tests.support.gateway_projection import GatewayProjection

START = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def pages_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_walk, "PAGE", 3)


def test_every_session_is_in_one_page(unkept: GatewayProjection) -> None:
    stored = [change.session.device_session_id for change in unkept.new_sessions(10)]
    pages: list[list[str]] = []

    async def note(page: Sequence[DeviceSession]) -> None:
        pages.append([session.device_session_id for session in page])

    unkept.world.call(SessionWalk(unkept.world.internal, store.page_active, START).for_each_page, note)
    walked = [device_session_id for page in pages for device_session_id in page]
    assert {len(page) for page in pages[:-1]} == {3}
    assert len(walked) == len(set(walked))
    assert set(stored) <= set(walked)


def test_the_next_page_is_read_while_one_is_worked_on(unkept: GatewayProjection) -> None:
    unkept.new_sessions(7)
    reads, worked = 0, 0

    async def read(connection: asyncpg.Connection, after: tuple[datetime, str], limit: int) -> list[DeviceSession]:
        nonlocal reads
        page = await store.page_active(connection, after, limit)
        reads += 1
        return page

    async def work(page: Sequence[DeviceSession]) -> None:
        nonlocal worked
        worked += 1
        with trio.fail_after(5):
            while reads <= worked:
                await trio.sleep(0.01)

    unkept.world.call(SessionWalk(unkept.world.internal, read, START).for_each_page, work)
    assert worked == reads - 1 >= 3
