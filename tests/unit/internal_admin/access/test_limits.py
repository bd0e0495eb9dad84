"""Laws of the control plane's limits per network (SPEC §10.6): GCRA of one process, on a clock that jumps."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Never

import pytest
import trio
from trio.testing import MockClock

from contracts.errors import ErrorCode, Refusal
from services.internal_admin.access.domain import Admission
from services.internal_admin.access.guard import Guard
from services.internal_admin.access.limits import control_plane_limiter, limits_of
from services.internal_admin.callers.access import Anyone
from services.internal_admin.callers.identity import Identity
from services.internal_admin.callers.route import MINUTE, PerNetwork, Route
from services.internal_admin.operator_sessions.cookie import SessionCookie
from services.internal_admin.routes import ROUTES
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.keyring import KeyRing
from shared.kernel.rate import Rate
from shared.web.exchange import Endpoint, Request, Response
from tests.support.stack import COOKIE_KEYS
from tests.support.web_request import request

OWN_HOST = {"host": "127.0.0.1"}
LIMIT = PerNetwork("login", 5, 5 * MINUTE)
NOBODY: Any = None
"""Stands for what no call of these tests needs."""


class NoRedis:
    """Away: then the limits are counted in the process, at half the rate."""

    async def run_script(self, script: str, keys: Sequence[str], args: Sequence[str | int], read: object) -> Never:
        del script, keys, args, read
        raise DependencyUnavailable("redis")

    async def ping(self) -> None:
        raise DependencyUnavailable("redis")


class Door:
    """An api of one endpoint, which notes its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def check(self, asked: Request, _identity: Identity | None) -> None:
        """Refuses what a browser sends."""
        if "user-agent" in asked.headers:
            raise Refusal(ErrorCode.INVALID_REQUEST)

    async def open(self, asked: Request, _identity: Identity | None) -> Response:
        self.calls.append(asked.client.address)
        return Response(200, b"{}")


@asynccontextmanager
async def served(door: Door, **declared: Any) -> AsyncGenerator[Endpoint]:
    """The door behind the guard, as a route of the internal API with what is `declared`."""
    route = Route("POST", "/api/v1/internal/door", Door.open, access=Anyone(), limit=LIMIT, **declared)
    cookie = SessionCookie(KeyRing.parse("test", COOKIE_KEYS), SystemEntropy())
    async with trio.open_nursery() as nursery:
        limiter = control_plane_limiter(NoRedis(), "test:", [route])
        await nursery.start(limiter.run)
        (protected,) = Guard(NOBODY, Admission(requires_token=True), cookie, limiter, NOBODY).protect([route], door)
        yield protected.endpoint
        nursery.cancel_scope.cancel()


async def test_past_its_limit_a_network_gets_429_with_retry_after_and_the_endpoint_is_not_called(
    autojump_clock: MockClock,
) -> None:
    door = Door()
    async with served(door) as call:
        answers = [await call(request(OWN_HOST, peer="192.0.2.7")) for _ in range(3)]
        elsewhere = await call(request(OWN_HOST, peer="192.0.2.8"))

    assert [answer.status for answer in (*answers, elsewhere)] == [200, 200, 429, 200]
    assert (b"retry-after", b"150") in answers[2].headers
    assert door.calls == ["192.0.2.7", "192.0.2.7", "192.0.2.8"]


async def test_a_call_that_is_refused_before_the_limit_does_not_count(autojump_clock: MockClock) -> None:
    async with served(Door(), before_limit=Door.check) as call:
        for _ in range(10):
            with pytest.raises(Refusal):
                await call(request(OWN_HOST | {"user-agent": "Firefox"}))
        assert (await call(request(OWN_HOST))).status == 200


@pytest.mark.parametrize(("slow_refusals", "seconds"), [(True, 0.3), (False, 0.0)])
async def test_the_refusal_of_a_limit_is_slow_where_the_refusals_of_its_route_are(
    slow_refusals: bool, seconds: float, autojump_clock: MockClock
) -> None:
    async with served(Door(), slow_refusals=slow_refusals) as call:
        for _ in range(2):
            assert (await call(request(OWN_HOST))).status == 200
        began = trio.current_time()
        assert (await call(request(OWN_HOST))).status == 429
        assert trio.current_time() - began == pytest.approx(seconds)


def test_a_route_that_does_not_say_whom_it_admits_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="access"):
        Route("POST", "/api/v1/internal/door", Door.open)  # pyright: ignore[reportCallIssue]


def test_two_limits_never_have_one_name() -> None:
    limits = set(limits_of(ROUTES))
    assert len({limit.name for limit in limits}) == len(limits)


def test_the_limits_are_those_of_the_contract() -> None:
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    assert {limit.name: limit.rate for limit in limits_of(ROUTES)} == {
        "login": Rate(5, 5 * minute),
        "recover": Rate(5, hour),
        "change_password": Rate(10, hour),
        "register_owner": Rate(3, hour),
        "regenerate_recovery_codes": Rate(3, hour),
        "exchange_setup_code": Rate(10, hour),
        "connection_write": Rate(30, minute),
        "connection_verify": Rate(10, minute),
        "all": Rate(120, minute),
        "failed_authentication": Rate(60, minute),
    }
