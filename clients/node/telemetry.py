"""Sends the application's OTLP data through the control plane, signed by the node."""

from dataclasses import dataclass, field

from clients.node.link import Ask, Denial, Link, Unavailable
from clients.node.machine import Clock, steady_clock
from contracts.node.telemetry import Signal, telemetry_path

_MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class OtlpAnswer:
    """`status` is an HTTP status as OTLP exporters read it: 200 is taken; 429, 502, 503 and 504 may be sent again.

    `body` is the collector's answer, and `retry_after` is in seconds.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    retry_after: float | None = None


class Telemetry:
    """While the control plane wants a pause, nothing is sent."""

    def __init__(self, link: Link, timeout: float, clock: Clock = steady_clock) -> None:
        self._link = link
        self._timeout = timeout
        self._clock = clock
        self._not_before = 0.0
        self._paused_by = 503

    async def send(self, signal: Signal, body: bytes, content_type: str, content_encoding: str | None) -> OtlpAnswer:
        """Raises `Denial` for `node_revoked` alone."""
        left = self._not_before - self._clock()
        if left > 0:
            return OtlpAnswer(self._paused_by, retry_after=left)
        content = {"content-type": content_type}
        if content_encoding is not None:
            content["content-encoding"] = content_encoding
        try:
            ask = Ask("POST", telemetry_path(signal), body, _MOST_BYTES, self._timeout, content, is_for_collector=True)
            reply = await self._link.ask(ask)
        except Denial as denial:
            if denial.code == "node_revoked":
                raise
            return self._paused(denial.status, denial.retry_after)
        except Unavailable as unavailable:
            return self._paused(unavailable.status or 503, unavailable.retry_after)
        return OtlpAnswer(200, reply.body)

    def _paused(self, status: int, retry_after: float | None) -> OtlpAnswer:
        if retry_after is not None:
            self._not_before = self._clock() + retry_after
            self._paused_by = status
        return OtlpAnswer(status, retry_after=retry_after)
