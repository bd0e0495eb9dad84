"""HTTP calls to another server, limited in time, size and number. Faults of httpx become `NoAnswer` here.

This module limits the number of calls itself, instead of the pool of httpx. There, a request that is cancelled while it
waits may lose its slot for good (encode/httpcore#1093, shown on asyncio). Our load tests did not reproduce that on
trio, but a pool without a limit cannot have the fault.
"""

import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

import httpx
import trio

from shared.io.http_answer import Unacceptable
from shared.io.http_network import ReadingTransport
from shared.telemetry import tracing

_BROKEN = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)

Failure = Literal["timeout", "connect", "broken", "malformed", "too_large"]


class NoAnswer(Exception):
    """No usable answer came. With `connect` the request was not sent; otherwise it may have had its effect."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure: Failure = failure

    @property
    def is_unusable(self) -> bool:
        """Whether an answer came but was malformed or too large, which may concern this one request only."""
        return self.failure in ("malformed", "too_large")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with any status."""

    status: int
    body: bytes = field(repr=False)


class HttpClient:
    """Calls to one server. Made by `open_http_client`."""

    def __init__(self, http: httpx.AsyncClient, *, concurrency: int) -> None:
        self._http = http
        self._free = trio.Semaphore(concurrency)

    async def call(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        timeout: timedelta,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a call and return the answer. `path` is appended to the base URL unchanged.

        `body` is JSON, unless `headers` has a `content-type`. Names of headers are in lower case.

        The call takes at most `timeout`, including the wait for other calls; an earlier deadline of the caller also
        holds. Raises `NoAnswer`. Redirects are not followed. The request must allow a repeat: if the server closes a
        kept connection at the moment of use, the call is made once more.
        """
        with trio.move_on_after(timeout.total_seconds()):
            async with self._free:
                try:
                    return await self._call(method, path, body, headers or {})
                except _BROKEN:
                    return await self._call_again(method, path, body, headers or {})
        raise NoAnswer("timeout")

    async def _call_again(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            return await self._call(method, path, body, headers)
        except _BROKEN:
            raise NoAnswer("broken") from None

    async def _call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        url = self._http.base_url
        with tracing.http_call(method, url.host, url.port) as span:
            answer = await self._answer(method, path, body, {**headers, **tracing.outgoing_headers()})
            tracing.tell_status(span, answer.status)
            return answer

    async def _answer(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        content = {} if body is None else {"content-type": "application/json"}
        try:
            async with self._http.stream(method, path, content=body, headers={**content, **headers}) as response:
                return Answer(response.status_code, await response.aread())
        except httpx.ConnectError:
            raise NoAnswer("connect") from None
        except Unacceptable as fault:
            raise NoAnswer(fault.failure) from None
        except _BROKEN:
            raise
        except httpx.RequestError:
            raise NoAnswer("broken") from None


@asynccontextmanager
async def open_http_client(base_url: str, *, concurrency: int = 50) -> AsyncGenerator[HttpClient]:
    """Open a client for at most `concurrency` calls at once. It keeps connections for later calls.

    It does not connect by itself. The server of an `https` URL is verified against the system's certificates
    (SSL_CERT_FILE, SSL_CERT_DIR). Proxies of the environment are not used, since the servers are near.
    """
    http = httpx.AsyncClient(
        base_url=base_url,
        headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "authsession"},
        timeout=None,  # noqa: S113 - `call` bounds all of it
        transport=ReadingTransport(tls_context=ssl.create_default_context(), kept_connections=concurrency),
        trust_env=False,
    )
    async with http:
        yield HttpClient(http, concurrency=concurrency)
