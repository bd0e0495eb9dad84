"""Api: a floor under the time that refusals of operators' auth take (SPEC §10.6)."""

from datetime import timedelta

import trio

from services.internal_admin.callers.identity import Identity
from services.internal_admin.callers.route import ProtectedEndpoint
from shared.web.exchange import Request, Response

FLOOR = timedelta(milliseconds=300)


def failing_slowly(endpoint: ProtectedEndpoint) -> ProtectedEndpoint:
    """`endpoint`, whose answers that are not a success come `FLOOR` after it was called or later.

    It waits when all work is done, so holding no thread, connection or lock; what took longer waits no more.
    """

    async def slow_endpoint(request: Request, identity: Identity | None) -> Response:
        called_at = trio.current_time()
        is_success = False
        try:
            response = await endpoint(request, identity)
            is_success = response.status < 400
            return response
        finally:
            if not is_success:
                await trio.sleep_until(called_at + FLOOR.total_seconds())

    return slow_endpoint
