"""Reads all sessions of one status in pages by key, so that memory is limited and no transaction stays open."""

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
    """A walk in the order of `read`. It misses changes behind its position, which their own requests publish."""

    def __init__(self, postgres: Postgres, read: ReadPage, since: datetime) -> None:
        self._postgres = postgres
        self._read = read
        self._after = (since, "")

    async def next_page(self) -> Sequence[DeviceSession]:
        """At most `PAGE` sessions; empty at the end. After `DependencyUnavailable` the walk has not moved."""
        page = await self._postgres.unit_of_work(self._read, self._after, PAGE)
        if page:
            last = page[-1]
            self._after = (last.revoked_at or last.created_at, last.device_session_id)
        return page

    async def for_each_page(self, work: Callable[[Sequence[DeviceSession]], Awaitable[None]]) -> None:
        """Call `work` with one page after the other. The next page is read meanwhile, so two are in memory.

        So a page may be as old as the work on the page before. Faults are raised in an `ExceptionGroup`.
        """
        page = await self.next_page()
        while page:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(work, page)
                page = await self.next_page()
