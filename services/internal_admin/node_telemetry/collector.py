"""The operator's collector: OTLP over HTTP, with the answers sorted by what they mean for the node."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol, TypeAlias

from contracts.node.telemetry import MediaType, Signal
from services.internal_admin.node_telemetry.domain.overwrite import success
from services.internal_admin.node_telemetry.settings import NodeTelemetrySettings
from shared.io.circuit import Circuit, CircuitOpen, NeighbourDown
from shared.io.http_client import Answer, NoAnswer, open_http_client

TIMEOUT = timedelta(seconds=5)
"""Half of the time that OpenTelemetry's exporters wait for us, by default."""
CALLS = 16
"""Calls of one process at once. Each has the time of `TIMEOUT` with its wait for a place."""
COOL_DOWN = timedelta(seconds=5)
_OK = range(200, 300)
_BAD_DATA, _TOO_LARGE = 400, 413
"""Statuses that are about this one body. The node must not repeat it."""
_DOWN = frozenset({429, 502, 503, 504})
"""The retryable statuses of OTLP: the collector serves nobody for now."""
_NO_ENTRY = frozenset({401, 403})
"""Statuses that refuse the headers."""

_log = logging.getLogger("authsession.node_telemetry.collector")


@dataclass(frozen=True, slots=True)
class Taken:
    """The collector has the data. `answer` is in the form of the request, and may be a partial success."""

    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The collector will never take this body."""

    is_too_large: bool


@dataclass(frozen=True, slots=True)
class Away:
    """The collector has not answered, or cannot serve, or refuses us. The same body may be sent again."""


Sent: TypeAlias = Taken | Refused | Away


class Client(Protocol):
    """Calls to one server, as `HttpClient` makes them."""

    async def call(
        self,
        method: Literal["POST"],
        path: str,
        *,
        timeout: timedelta,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call within `timeout`. Raises `NoAnswer` or `Down`."""
        ...


class Outage:
    """Logs the begin and the end of an outage, not each failed call."""

    def __init__(self) -> None:
        self._is_out = False

    def begin(self, reason: str) -> Away:
        """Telemetry cannot be forwarded, for this reason."""
        if not self._is_out:
            _log.warning("telemetry of nodes is not forwarded", extra={"reason": reason})
        self._is_out = True
        return Away()

    def end(self) -> None:
        """The collector gave an answer about the data."""
        if self._is_out:
            _log.info("telemetry of nodes is forwarded again")
        self._is_out = False


async def _tell_nobody() -> None:
    pass


class Collector:
    """One collector with its headers. `refused` is called when it does not accept them."""

    def __init__(
        self,
        client: Client,
        headers: Mapping[str, str],
        circuit: Circuit,
        outage: Outage,
        refused: Callable[[], Awaitable[None]] = _tell_nobody,
    ) -> None:
        self._client = client
        self._headers = headers
        self._circuit = circuit
        self._outage = outage
        self._refused = refused

    async def current(self) -> "Collector":
        """This one. The environment names one collector for the life of the process."""
        return self

    async def send(self, signal: Signal, media_type: MediaType, body: bytes) -> Sent:
        """Send a body once; twice, if the collector closes a kept connection at that moment."""
        headers = {**self._headers, "content-type": media_type, "accept": media_type}
        try:
            answer = await self._call(f"/v1/{signal}", body, headers)
        except CircuitOpen:
            return Away()
        except Down as down:
            return self._outage.begin(down.reason)
        if answer.status in _OK:
            self._outage.end()
            return Taken(success(answer.body, media_type))
        if answer.status in (_BAD_DATA, _TOO_LARGE):
            self._outage.end()
            return Refused(is_too_large=answer.status == _TOO_LARGE)
        if answer.status in _NO_ENTRY:
            await self._refused()
        return self._outage.begin(f"status_{answer.status}")

    async def _call(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        with self._circuit.call():
            try:
                answer = await self._client.call("POST", path, timeout=TIMEOUT, body=body, headers=headers)
            except NoAnswer as fault:
                raise Down(fault.failure) from None
            if answer.status in _DOWN:
                raise Down(f"status_{answer.status}")
            return answer


class Down(NeighbourDown):
    """No usable answer came, or its status means that the collector serves nobody."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@asynccontextmanager
async def open_collector(settings: NodeTelemetrySettings | None) -> AsyncGenerator[Collector | None]:
    """The collector, or None if the settings name none. Does not connect, so a process can start without it."""
    if settings is None:
        yield None
        return
    async with open_http_client(settings.base_url, concurrency=CALLS) as client:
        yield Collector(client, settings.headers, Circuit(cool_down=COOL_DOWN), Outage())
