"""Laws of the control plane's limits per network (SPEC §10.6): GCRA of one process, on a clock that jumps."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Never

import trio
from trio.testing import MockClock

from services.internal_admin.callers.identity import Identity
from services.internal_admin.callers.route import RATES, control_plane_limiter, limited
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.rate import Rate
from shared.web.exchange import Request, Response
from tests.support.web_request import request


class NoRedis:
    """Away: then the limits are counted in the process, at half the rate."""

    async def run_script(self, _script: str, _keys: Sequence[str], _args: Sequence[str | int], _read: object) -> Never:
        raise DependencyUnavailable("redis")

    async def ping(self) -> None:
        raise DependencyUnavailable("redis")


async def test_past_its_limit_a_network_gets_429_with_retry_after_and_the_endpoint_is_not_called(
    autojump_clock: MockClock,
) -> None:
    calls: list[str] = []

    async def endpoint(asked: Request, _identity: Identity | None) -> Response:
        calls.append(asked.client.address)
        return Response(200, b"{}")

    async with trio.open_nursery() as nursery:
        limiter = control_plane_limiter(NoRedis(), "test:")
        await nursery.start(limiter.run)
        log_in = limited(endpoint, limiter, "login")
        answers = [await log_in(request(peer="192.0.2.7"), None) for _ in range(3)]
        elsewhere = await log_in(request(peer="192.0.2.8"), None)
        nursery.cancel_scope.cancel()

    assert [answer.status for answer in (*answers, elsewhere)] == [200, 200, 429, 200]
    assert (b"retry-after", b"150") in answers[2].headers
    assert calls == ["192.0.2.7", "192.0.2.7", "192.0.2.8"]


def test_the_limits_are_those_of_the_contract() -> None:
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    assert dict(RATES) == {
        "login": Rate(5, 5 * minute),
        "recover": Rate(5, hour),
        "change_password": Rate(10, hour),
        "register_owner": Rate(3, hour),
        "regenerate_recovery_codes": Rate(3, hour),
        "exchange_setup_code": Rate(10, hour),
        "all": Rate(120, minute),
        "failed_authentication": Rate(60, minute),
    }
