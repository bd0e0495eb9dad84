"""The reads of courier and eraser do not grow with the mails that were sent or that wait for a later try."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.integration.public_auth.test_flat_reads import (
    ADDRESSES,
    EMAIL,
    PAST,
    PAST_OF_EVERYBODY,
    SQL,
    TAG,
    _as_owner,
    _pages,
)
from tests.support.database import Database

DUE = 5
MOST_PAGES = 300
"""The bound in pages of 8 KiB. Each due mail takes some. All other mails would take thousands."""
WAIT = """
update mail_deliveries set state = 'queued', attempts = 3, finished_at = null, next_attempt_at = clock_now() + '1 hour'
"""
MAKE_DUE = """
update mail_deliveries set state = 'queued', attempts = 1, finished_at = null, next_attempt_at = clock_now()
 where delivery_id in (select delivery_id from mail_deliveries order by queued_at desc limit $1)
"""


@pytest.mark.parametrize("others_wait", [False, True])
def test_a_step_of_the_queue_costs_the_same_whatever_was_sent_before_or_waits(
    database: Database, others_wait: bool
) -> None:
    async def pages(connection: asyncpg.Connection) -> dict[str, int]:
        await connection.execute("truncate emails cascade")
        await connection.execute(ADDRESSES, PAST, EMAIL)
        await connection.execute(PAST_OF_EVERYBODY, EMAIL, PAST, TAG, False, "sent", "sent", timeout=60)
        if others_wait:
            await connection.execute(WAIT)
        await connection.execute("analyze emails, login_codes, challenges, mail_deliveries")
        await connection.execute(MAKE_DUE, DUE)
        return {
            f"{statement}, {plan}": await _pages(connection, plan, SQL[statement](**values))
            for plan in ("force_custom_plan", "force_generic_plan")
            for statement, values in (
                ("claim_deliveries", {"limit": DUE, "tried_before_limit": DUE, "lease": timedelta(0)}),
                ("is_claim_good", {"delivery_id": uuid4(), "attempts": 1}),
                ("abandon_ended_deliveries", {"limit": 1}),
                ("erase_ended_codes", {"limit": 500}),
            )
        }

    read = asyncio.run(_as_owner(database, pages))
    assert len(read) == 8
    assert {statement: pages for statement, pages in read.items() if pages > MOST_PAGES} == {}
