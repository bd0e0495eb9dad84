"""How long the walk over all addresses rests, in virtual time; the pages are those of a Postgres that only counts."""

from typing import cast

import trio
from trio.testing import MockClock

from services.internal_admin.retention.domain import MAX_REST, MIN_REST, TOLERATED
from services.internal_admin.retention.store import EmailPage
from services.internal_admin.retention.worker import PAGE, UnusedEmails
from shared.io.postgres import Postgres


class Pages:
    """Stands for Postgres: a walk of so many pages, with nothing to remove."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._turned = 0

    async def unit_of_work(self, *_: object, **_of_the_page: object) -> EmailPage:
        await trio.lowlevel.checkpoint()
        self._turned += 1
        return EmailPage(None if self._turned % self._pages == 0 else self._turned, removed=0)


def walker(pages: int) -> UnusedEmails:
    return UnusedEmails(cast(Postgres, Pages(pages)))


async def test_a_walk_rests_as_long_as_can_be_while_it_ends_within_a_day(autojump_clock: MockClock) -> None:
    worker = walker(pages=3)
    for handled in (PAGE, PAGE, 0) * 5:
        assert await worker.step() == handled
        assert worker.rest() == MAX_REST
        await trio.sleep(TOLERATED.total_seconds() / 3)


async def test_a_walk_of_more_than_a_day_hurries_to_its_end_and_the_next_one_rests_again(
    autojump_clock: MockClock,
) -> None:
    worker = walker(pages=20)
    await worker.step()
    await trio.sleep(TOLERATED.total_seconds() + 1)
    for _ in range(19):
        await worker.step()
    assert worker.rest() == MIN_REST

    for _ in range(19):
        rest = worker.rest()
        await worker.step()
        assert worker.rest() > rest
