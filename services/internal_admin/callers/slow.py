"""The floor under refusals: a guess that fails takes as long as any other (SPEC §10.6)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import trio

from shared.web.exchange import Response

FLOOR = timedelta(milliseconds=300)


async def failing_slowly(answer: Callable[[], Awaitable[Response]]) -> Response:
    """Return or raise what `answer` does. An answer that is not a success comes `FLOOR` after the call, or later.

    The wait begins when all work is done, so it holds no thread, connection or lock. Work that took longer than
    `FLOOR` is not followed by a wait.
    """
    called_at = trio.current_time()
    is_success = False
    try:
        response = await answer()
        is_success = response.status < 400
        return response
    finally:
        if not is_success:
            await trio.sleep_until(called_at + FLOOR.total_seconds())
