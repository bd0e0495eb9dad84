"""A trace of each request, sent through the control plane under the node's own name."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from clients.gateway.middleware import App, Message, Receive, Scope, Send

Sending = Callable[[bytes], Awaitable[int]]
"""Sends an OTLP body of protobuf. Returns the status as an OTLP exporter reads it."""

KEPT: Final = 2048
BATCH: Final = 256
EVERY: Final = 5.0
"""Seconds between two deliveries."""
_AGAIN = frozenset({429, 502, 503, 504})


class Traces(SpanProcessor):
    """Keeps the last `KEPT` spans until they are sent. Telemetry never holds up a request."""

    def __init__(self) -> None:
        self._waiting: deque[ReadableSpan] = deque(maxlen=KEPT)
        provider = TracerProvider(resource=Resource({"service.name": "example-gateway"}), shutdown_on_exit=False)
        provider.add_span_processor(self)
        self._tracer = provider.get_tracer("examples.gateway")

    def on_end(self, span: ReadableSpan) -> None:
        self._waiting.append(span)

    def around(self, app: App) -> App:
        """The app with a span for each request. It names method, path and status, and nobody's session."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            with self._tracer.start_as_current_span(scope["method"], kind=trace.SpanKind.SERVER) as span:
                span.set_attribute("url.path", scope["path"])

                async def send_noted(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        span.set_attribute("http.response.status_code", message["status"])
                    await send(message)

                await app(scope, receive, send_noted)

        return traced

    async def run(self, send: Sending, every: float = EVERY) -> None:
        """Sends until it is cancelled."""
        while True:
            await anyio.sleep(every)
            while self._waiting and await self._send_some(send):
                pass

    async def _send_some(self, send: Sending) -> bool:
        """Sends a batch, and returns whether it may send the next one at once."""
        spans = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        if await send(encode_spans(spans).SerializeToString()) not in _AGAIN:
            return True
        room = KEPT - len(self._waiting)
        self._waiting.extendleft(reversed(spans[-room:] if room else []))
        return False
