"""Reads all sessions of one kind in pages by key, so that memory is bounded and no transaction stays open."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeAlias

import asyncpg
import trio

from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession

PAGE = 500

ReadPage: TypeAlias = Callable[[asyncpg.Connection, tuple[datetime, str], int], Awaitable[list[DeviceSession]]]
"""`store.page_active` (walks by `created_at`) or `store.page_revoked` (by `revoked_at`)."""


class SessionWalk:
    """A place in the order of `read`. What changes behind it is published by whoever changes it."""

    def __init__(self, postgres: Postgres, read: ReadPage, since: datetime) -> None:
        self._postgres = postgres
        self._read = read
        self._after = (since, "")

    async def next_page(self) -> Sequence[DeviceSession]:
        """At most `PAGE` sessions; none at the end. Raises `DependencyUnavailable`, and then has not moved."""
        page = await self._postgres.unit_of_work(self._read, self._after, PAGE)
        if page:
            last = page[-1]
            self._after = (last.revoked_at or last.created_at, last.device_session_id)
        return page

    async def for_each_page(self, work: Callable[[Sequence[DeviceSession]], Awaitable[None]]) -> None:
        """`work` on one page after the other, to the end; the next one is read meanwhile. Memory: two pages.

        So `work` must stand a page that is as old as the work on the one before. Faults come in an `ExceptionGroup`.
        """
        page = await self.next_page()
        while page:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(work, page)
                page = await self.next_page()
