"""Rate limits per network and route by GCRA (ITU-T I.371), exact across replicas, because Redis counts.

While Redis is away, each process counts in memory, with stricter limits.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib import resources
from typing import Protocol, TypeVar

import trio

from contracts.errors import ErrorCode
from shared.io.redis_replies import Read, array_of, number
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.rate import Rate
from shared.telemetry.tracing import Span, current_span, on_behalf_of
from shared.web.exchange import Endpoint, Request, Response
from shared.web.local_rate_limit import LocalRateLimiter
from shared.web.refusals import refusal

T = TypeVar("T")

_log = logging.getLogger("authsession.web.rate_limit")
_SCRIPT = resources.files("shared.web").joinpath("gcra.lua").read_text("utf-8")
_MAX_IN_ONE_CALL = 200
_PATIENCE_SECONDS = 0.5
"""Maximum wait of a check for Redis, because a person waits for it. A healthy Redis needs a thousandth of it."""
_PROBE_SECONDS = 1.0
_TOTAL = "total"
_REPLACED = -1
_MAX_MICROSECONDS = 10**17


class RateStore(Protocol):
    """The part of `shared.io.redis.Redis` that a rate limiter needs."""

    async def run_script(self, script: str, keys: Sequence[str], args: Sequence[str | int], read: Read[T]) -> T: ...

    async def ping(self) -> None: ...


@dataclass(slots=True, eq=False)
class _Check:
    """The check of a request that waits for its decision."""

    limits: tuple[tuple[str, Rate], ...]
    decided: trio.Event = field(default_factory=trio.Event)
    wait: timedelta | None = None
    span: Span | None = field(default_factory=current_span)

    def decide(self, wait: timedelta | None) -> None:
        """Decide, unless that was done already: an answer of Redis that comes too late changes nothing."""
        if not self.decided.is_set():
            self.wait = wait
            self.decided.set()


class RateLimiter:
    """Counts calls per network and route, and all calls together, while `run` runs.

    One script call decides a batch of waiting checks. Meanwhile the next batch collects.
    """

    def __init__(
        self, redis: RateStore, rates: Mapping[str, Rate | None], *, total: Rate | None = None, key_prefix: str
    ) -> None:
        """`rates` are by route name; None means no limit. On Redis Cluster `key_prefix` must contain a hash tag."""
        self._redis = redis
        self._rates = rates
        self._total = total
        self._key_prefix = key_prefix
        self._local = LocalRateLimiter()
        self._waiting: list[_Check] = []
        self._asked: Sequence[_Check] = ()
        self._arrived = trio.Event()
        self._is_redis_away = False

    async def check(
        self, network_text: str, route_name: str, cost: int = 1, *, counts_in_total: bool = True
    ) -> timedelta | None:
        """None if the call may pass, which is then counted. Otherwise the time to wait; a refused call is not counted.

        `cost` is how many calls this one counts for on the route. A call that was counted already on another route must
        not count in the total again.

        If cancelled, the call may or may not have been counted. It never raises because of Redis, and waits for it at
        most `_PATIENCE_SECONDS`. After that the process counts all waiting calls, which Redis may have counted too.
        """
        limits = self._limits(network_text, route_name, cost, counts_in_total=counts_in_total)
        if not limits:
            return None
        if self._is_redis_away:
            return self._local.check(limits)
        check = _Check(limits)
        self._waiting.append(check)
        self._arrived.set()
        with trio.move_on_after(_PATIENCE_SECONDS):
            await check.decided.wait()
        if not check.decided.is_set():
            self._count_here()
        return check.wait

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Decide checks until cancelled."""
        task_status.started()
        while True:
            await self._arrived.wait()
            self._arrived = trio.Event()
            while self._waiting:
                batch, self._waiting = self._waiting[:_MAX_IN_ONE_CALL], self._waiting[_MAX_IN_ONE_CALL:]
                await self._decide(batch)
            if self._is_redis_away:
                await self._wait_for_redis()

    async def _decide(self, batch: Sequence[_Check]) -> None:
        self._asked = batch
        try:
            with on_behalf_of(check.span for check in batch):
                waits = await self._ask_redis(batch)
        except DependencyUnavailable:
            self._count_here()
        else:
            for check, wait in zip(batch, waits, strict=True):
                check.decide(_duration(wait))
            if _REPLACED in waits:
                _log.error("redis key of a rate limit replaced: it was of another type")
        self._asked = ()

    def _count_here(self) -> None:
        """Decide all waiting checks in the process, and all later ones, because Redis is away or silent."""
        if not self._is_redis_away:
            _log.warning("rate limits counted in the process at half the rate until redis is back")
            self._is_redis_away = True
        for check in (*self._asked, *self._waiting):
            if not check.decided.is_set():  # otherwise it was counted already
                check.decide(self._local.check(check.limits))
        self._waiting.clear()

    async def _ask_redis(self, batch: Sequence[_Check]) -> list[int]:
        places: dict[str, int] = {}
        arguments: list[str | int] = []
        for check in batch:
            arguments.append(len(check.limits))
            for key, rate in check.limits:
                interval, tolerance = _interval_and_tolerance(rate)
                arguments += [places.setdefault(key, len(places) + 1), interval, tolerance]
        return await self._redis.run_script(_SCRIPT, list(places), arguments, array_of(_wait, len(batch)))

    async def _wait_for_redis(self) -> None:
        while self._is_redis_away:
            await trio.sleep(_PROBE_SECONDS)
            try:
                await self._redis.ping()
            except DependencyUnavailable:
                continue
            self._is_redis_away = False
            _log.warning("rate limits counted in redis again")

    def _limits(
        self, network_text: str, route_name: str, cost: int, *, counts_in_total: bool
    ) -> tuple[tuple[str, Rate], ...]:
        rate = self._rates[route_name]
        own = () if rate is None else ((f"{self._key_prefix}{route_name}:{network_text}", replace(rate, cost=cost)),)
        return own if self._total is None or not counts_in_total else (*own, (self._key_prefix + _TOTAL, self._total))


def limited(endpoint: Endpoint, limiter: RateLimiter, route_name: str) -> Endpoint:
    """`endpoint` behind the limit of `route_name`. Above it the answer is 429 with `Retry-After`, for every request."""

    async def limited_endpoint(request: Request) -> Response:
        wait = await limiter.check(request.client.network.text, route_name)
        if wait is not None:
            return refusal(ErrorCode.RATE_LIMITED, retry_after=wait)
        return await endpoint(request)

    return limited_endpoint


def _interval_and_tolerance(rate: Rate) -> tuple[int, int]:
    """Microseconds from a call to the next, and microseconds that a burst may run ahead of it."""
    period = rate.period // timedelta(microseconds=1)
    interval = max(1, period // rate.count)
    return interval * rate.cost, interval * (rate.count - rate.cost)


def _wait(reply: object) -> int:
    wait = number(reply)
    if not _REPLACED <= wait <= _MAX_MICROSECONDS:
        raise ValueError
    return wait


def _duration(microseconds: int) -> timedelta | None:
    return timedelta(microseconds=microseconds) if microseconds > 0 else None
