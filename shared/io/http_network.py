"""The connections of httpx, with `AnswerReader` between the server and h11."""

import ssl
from collections.abc import Iterable
from typing import Any, cast

import httpcore
import httpx

from shared.io.http_answer import AnswerReader

_READ_BYTES = 16 * 1024
"""Parsing this many bytes holds the loop for a few milliseconds at most."""
_KEPT_SECONDS = 5.0
_TRIO = cast(httpcore.AsyncNetworkBackend, httpcore.TrioBackend())  # its type also allows for machines without trio


class ReadingTransport(httpx.AsyncHTTPTransport):
    """The transport of httpx with our reader on every connection. Raises `Unacceptable` and the faults of httpx."""

    def __init__(self, *, tls_context: ssl.SSLContext, kept_connections: int) -> None:
        super().__init__(verify=tls_context, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls_context,
            max_connections=None,
            max_keepalive_connections=kept_connections,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=_ReadingBackend(),
        )


class _ReadingBackend(httpcore.AsyncNetworkBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _ReadingStream(await _TRIO.connect_tcp(host, port, timeout, local_address, socket_options))


class _ReadingStream(httpcore.AsyncNetworkStream):
    """A connection whose `read` returns a copy of one whole answer."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The copy of the next answer. It is empty if the connection ended first, from which httpx makes its fault."""
        reader = AnswerReader()
        while data := await self._stream.read(min(max_bytes, _READ_BYTES), timeout):
            if (answer := reader.take(data)) is not None:
                return answer
        return reader.end()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _ReadingStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
