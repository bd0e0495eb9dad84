"""Calls to far ends that came in over the API, with real listeners that count connections (SPEC §18.4)."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from ipaddress import ip_address, ip_network

import trio

from shared.io.egress import Egress, EgressAnswer, NoEgress
from shared.io.egress_dial import Resolve
from shared.kernel.address import TcpAddress
from shared.kernel.egress_rules import EgressRules
from shared.kernel.network import IpAddress

PATIENT = timedelta(seconds=10)
LOOPBACK = ip_network("127.0.0.0/8")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
NAME = "far.example.com"


def to(*addresses: str) -> Resolve:
    """A resolver that gives every name these addresses."""

    async def resolve(_: str) -> Sequence[IpAddress]:
        await trio.lowlevel.checkpoint()
        return [ip_address(each) for each in addresses]

    return resolve


def egress(resolve: Resolve | None = None, *, allowed: bool = True, own: Sequence[TcpAddress] = ()) -> Egress:
    """An egress of development, in which loopback is open if `allowed`."""
    rules = EgressRules((LOOPBACK,) if allowed else (), is_development=True)
    return Egress(rules, own=own, resolve=resolve or to("127.0.0.1"))


@dataclass
class FarEnd:
    """A listener on loopback that counts its connections and keeps the bytes that arrived."""

    port: int = 0
    connections: int = 0
    arrived: bytearray = field(default_factory=bytearray)


@asynccontextmanager
async def far_end(
    serve: Callable[[trio.abc.Stream], Awaitable[None]], host: str = "127.0.0.1"
) -> AsyncGenerator[FarEnd]:
    """A far end that reads the head of a request, then does `serve`, then closes."""
    seen = FarEnd()

    async def handle(stream: trio.SocketStream) -> None:
        seen.connections += 1
        try:
            while b"\r\n\r\n" not in seen.arrived and (data := await stream.receive_some()):
                seen.arrived += data
            await serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, host=host), handle, 0)
        seen.port = listeners[0].socket.getsockname()[1]
        yield seen
        nursery.cancel_scope.cancel()


def saying(*parts: bytes) -> Callable[[trio.abc.Stream], Awaitable[None]]:
    async def serve(stream: trio.abc.Stream) -> None:
        for part in parts:
            await stream.send_all(part)

    return serve


async def test_a_sound_call_is_answered_and_names_its_host() -> None:
    async with far_end(saying(OK)) as far:
        url = f"http://{NAME}:{far.port}/v1/models?limit=1"
        answer = await egress().call("GET", url, timeout=PATIENT, headers={"Authorization": "Bearer k"})
    assert answer == EgressAnswer(200, b"{}")
    assert far.arrived.startswith(b"GET /v1/models?limit=1 HTTP/1.1\r\nhost: " + f"{NAME}:{far.port}".encode())
    assert (
        b"authorization: Bearer k\r\n" in far.arrived.lower() or b"authorization: bearer k\r\n" in far.arrived.lower()
    )
    assert b"traceparent" not in far.arrived


async def test_a_redirect_is_not_followed() -> None:
    async with far_end(saying(OK)) as inner:
        moved = f"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{inner.port}/\r\ncontent-length: 0\r\n\r\n"
        async with far_end(saying(moved.encode())) as far:
            answer = await egress().call("GET", f"http://{NAME}:{far.port}/", timeout=PATIENT)
    assert answer == NoEgress("protocol_error")
    assert (far.connections, inner.connections) == (1, 0)
