"""A gateway whose configuration is swapped while it serves.

Each request is judged by one configuration from its beginning to its end, and always by the current sessions.
"""

from dataclasses import dataclass

from clients.gateway.clock import Clock, steady_clock, wall_clock
from clients.gateway.counts import Counts
from clients.gateway.modes import PATIENCE, Mode, mode_of
from clients.gateway.replay import CAPACITY, ReplayGuard, Taken
from clients.gateway.request_check import RequestCheck
from clients.gateway.session_cache import Answer, SessionCache
from contracts.errors import Refusal
from contracts.gateway_configuration import (
    DEFAULT_BODY_BYTES,
    DEFAULT_FRESHNESS,
    MAX_BODY_BYTES,
    MAX_FRESHNESS,
    REPLAY_FACTOR,
    GatewayConfiguration,
    decode_gateway_configuration,
)
from contracts.node.report import Report


class CannotApply(ValueError):
    """The gateway cannot apply a configuration, and goes on with the one it has. The message names the field."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of this gateway. A configuration beyond them cannot be applied.

    `freshness_window`, in seconds, is the largest one that any gateway on the same Redis may ever have. Requests are
    remembered for that long beyond their own windows, so that no change of a window lets one in twice. A smaller limit
    saves memory in Redis. `body_bytes` is about memory here: a signed body is read whole before it is passed on.
    """

    freshness_window: int = MAX_FRESHNESS
    body_bytes: int = MAX_BODY_BYTES


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything by which a request is judged under one configuration."""

    configuration: GatewayConfiguration
    check: RequestCheck


class ConfiguredGateway:
    """Hand it to `SignedRequests` in the place of a `RequestCheck`. One event loop uses it.

    Until `apply` or `swap` it uses `configuration`, or else the default one within `limits`. `current` is replaced as a
    whole. `patience` is that of the modes.
    """

    def __init__(
        self,
        cache: SessionCache,
        configuration: GatewayConfiguration | None = None,
        *,
        limits: Limits | None = None,
        patience: float = PATIENCE,
        capacity: int = CAPACITY,
        clock: Clock = wall_clock,
        steady: Clock = steady_clock,
    ) -> None:
        self.counts = Counts(clock)
        self._cache = cache
        self._limits = limits or Limits()
        self._patience = patience
        self._clock = clock
        self._guard = ReplayGuard(cache, 0, capacity=capacity, clock=steady)
        self._first = configuration or default_within(self._limits)
        self.current: Rules
        self.swap(self._first)

    def apply(self, document: bytes | None) -> GatewayConfiguration:
        """Swaps to the configuration in a document of kind `gateway_config`, and returns it. Raises `CannotApply`.

        None means that the pool has no such document: the configuration of the start then holds again.
        """
        try:
            configuration = self._first if document is None else decode_gateway_configuration(document)
        except Refusal as refusal:
            raise CannotApply(refusal.message) from None
        self.swap(configuration)
        return configuration

    def swap(self, configuration: GatewayConfiguration) -> None:
        """Uses this configuration for every request that begins from now on. Raises `CannotApply`."""
        check_limits(configuration, self._limits)
        try:
            mode = mode_of(configuration, self._patience)
        except ValueError:
            raise CannotApply(f"serve_known_for must be {self._patience:g} or more at this gateway") from None
        life = replay_life(configuration, self._limits)
        check = RequestCheck(
            _Sessions(self._cache, mode),
            _Replays(self._guard, mode, life),
            window=configuration.freshness_window,
            clock=self._clock,
        )
        self.current = Rules(configuration, check)
        self._cache.mode = mode

    def report(self) -> Report:
        """The observations since the last report. Counts of a report that does not arrive are lost."""
        passed, refused = self.counts.take()
        return Report(
            self._cache.held(),
            passed,
            refused,
            self._cache.take_lag(),
            "ok" if self._cache.problem() is None else "lost",
            self.counts.take_uses(),
        )


def default_within(limits: Limits) -> GatewayConfiguration:
    """The default configuration, with smaller numbers where the limits are smaller."""
    window = min(DEFAULT_FRESHNESS, limits.freshness_window)
    return GatewayConfiguration(
        freshness_window=window,
        replay_window=window * REPLAY_FACTOR,
        max_body_bytes=min(DEFAULT_BODY_BYTES, limits.body_bytes),
    )


def check_limits(configuration: GatewayConfiguration, limits: Limits) -> None:
    """Raises `CannotApply` for a configuration beyond the limits."""
    for name, asked, most in (
        ("freshness_window", configuration.freshness_window, limits.freshness_window),
        ("max_body_bytes", configuration.max_body_bytes, limits.body_bytes),
    ):
        if asked > most:
            raise CannotApply(f"{name} is {asked}, and the limit of this gateway is {most}")


def replay_life(configuration: GatewayConfiguration, limits: Limits) -> float:
    """How long a request is remembered, in seconds.

    It was signed up to one window ahead of this clock. The clock of another gateway may be one more window behind. That
    gateway, or this one after a swap, may have the largest window of all. A second covers the ends of the windows.
    """
    return max(configuration.replay_window, 2 * configuration.freshness_window + limits.freshness_window + 1)


@dataclass(frozen=True, slots=True)
class _Sessions:
    cache: SessionCache
    mode: Mode

    async def find(self, device_session_id: str) -> Answer:
        return await self.cache.find(device_session_id, self.mode)


@dataclass(frozen=True, slots=True)
class _Replays:
    guard: ReplayGuard
    mode: Mode
    life: float

    async def take(self, device_session_id: str, request_id: str) -> Taken:
        return await self.guard.take_for(self.life, self.mode, device_session_id, request_id)
