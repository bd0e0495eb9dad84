"""The connections to far ends that came in over the API: resolved once, every address judged, then opened (SPEC §18.4).

Nothing here resolves a name twice: the socket connects to an address that passed. Each new connection begins anew.
"""

import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

import trio

from shared.http.request_head import MAX_HEAD_BYTES
from shared.io.smtp import NotDialled
from shared.kernel.address import EVERY_INTERFACE, TcpAddress
from shared.kernel.egress_rules import EgressResult, EgressRules, Target
from shared.kernel.network import IpAddress

RESOLVE_SECONDS = 5.0
_MAX_ADDRESSES = 64
"""A name with more addresses is refused: all of them must be judged."""
_MAX_TRIES = 4
_HEAD_START_SECONDS = 0.25
"""The time after which the next address is tried beside the one before (RFC 8305 §5)."""
_MAX_RESOLVERS = 64
"""Threads for names alone. A dead name server may hold each of them for half a minute."""
_EVERY_INTERFACE = (EVERY_INTERFACE, "0.0.0.0", "::")  # noqa: S104 - compared, never bound

Resolve = Callable[[str], Awaitable[Sequence[IpAddress]]]
"""All addresses of a name. Raises `OSError` if it has none."""


class NotConnected(NotDialled):
    """No connection was opened, so the far end saw nothing of the request."""

    def __init__(self, result: EgressResult) -> None:
        super().__init__(result)
        self.result: EgressResult = result


class SystemResolver:
    """Asks the system's resolver, in threads. A thread that hangs keeps its place, so that their number is bounded."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(_MAX_RESOLVERS)

    async def __call__(self, name: str) -> Sequence[IpAddress]:
        return await trio.to_thread.run_sync(
            _addresses_of, name, abandon_on_cancel=True, limiter=self._threads, thread_name="egress resolver"
        )


class Dialer:
    """Opens connections by the rules. `own` are the servers and listeners of this installation, which stay closed.

    With `proxy` every connection is a tunnel of that proxy, which then resolves and judges names itself.
    """

    def __init__(
        self, rules: EgressRules, *, proxy: TcpAddress | None, own: Sequence[TcpAddress], resolve: Resolve
    ) -> None:
        self.rules = rules
        self._proxy = proxy
        self._own = own
        self._resolve = resolve

    async def dial(self, target: Target) -> trio.SocketStream:
        """An open connection to the target, without TLS. The caller bounds the time. Raises `NotConnected`."""
        if self._proxy is not None:
            return await _open_tunnel(self._proxy, target, self.rules)
        addresses = await self._addresses(target.host, target.address)
        if not all(self.rules.passes(target, address) for address in addresses):
            raise NotConnected("blocked_address")
        if await self._are_ours(addresses, target.port):
            raise NotConnected("blocked_address")
        return await _connect_first(_in_order(addresses), target.port)

    async def _addresses(self, host: str, literal: IpAddress | None) -> Sequence[IpAddress]:
        if literal is not None:
            return [literal]
        try:
            with trio.fail_after(RESOLVE_SECONDS):
                addresses = await self._resolve(host)
        except (OSError, trio.TooSlowError):
            raise NotConnected("dns_failed") from None
        if not 0 < len(addresses) <= _MAX_ADDRESSES:
            raise NotConnected("dns_failed")
        return addresses

    async def _are_ours(self, addresses: Sequence[IpAddress], port: int) -> bool:
        """Whether one of our own servers has one of the addresses, and the port. Others are not resolved."""
        hosts = {server.host for server in self._own if server.port == port}
        if not hosts:
            return False
        named = hosts.difference(_EVERY_INTERFACE)
        ours = {each for host in named for each in await self._addresses(host, _literal(host))}
        is_here = len(named) < len(hosts) or any(map(_is_of_this_machine, ours))
        return any(each in ours or (is_here and _is_of_this_machine(each)) for each in addresses)


def _literal(host: str) -> IpAddress | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _addresses_of(name: str) -> Sequence[IpAddress]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(ip_address(place[0]) for *_, place in found))


def _is_of_this_machine(address: IpAddress) -> bool:
    """Whether a socket can have the address, which takes no packet."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _in_order(addresses: Sequence[IpAddress]) -> Sequence[IpAddress]:
    """The addresses to try: the system's order, but the second one is of the other family (RFC 8305 §4)."""
    others = [each for each in addresses if each.version != addresses[0].version]
    second = others[:1]
    rest = [each for each in addresses[1:] if each not in second]
    return [addresses[0], *second, *rest][:_MAX_TRIES]


async def _connect_first(addresses: Sequence[IpAddress], port: int) -> trio.SocketStream:
    """The first connection that opens, each address with a head start before the next. Raises `NotConnected`."""
    opened: list[trio.SocketStream] = []

    async def attempt(address: IpAddress, failed: trio.Event) -> None:
        stream = await _connected(address, port)
        if stream is None:
            failed.set()
        else:
            opened.append(stream)
            nursery.cancel_scope.cancel()

    try:
        async with trio.open_nursery() as nursery:
            for address in addresses:
                failed = trio.Event()
                nursery.start_soon(attempt, address, failed)
                with trio.move_on_after(_HEAD_START_SECONDS):
                    await failed.wait()
        if not opened:
            raise NotConnected("unreachable")
        return opened.pop(0)
    finally:
        for unused in opened:
            unused.socket.close()


async def _connected(address: IpAddress, port: int) -> trio.SocketStream | None:
    family = trio.socket.AF_INET if address.version == 4 else trio.socket.AF_INET6
    try:
        tcp = trio.socket.socket(family, trio.socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        await tcp.connect((str(address), port))
        return trio.SocketStream(tcp)
    except BaseException as error:
        tcp.close()
        if isinstance(error, OSError):
            return None
        raise


async def _open_tunnel(proxy: TcpAddress, target: Target, rules: EgressRules) -> trio.SocketStream:
    """A tunnel by CONNECT (RFC 9110 §9.3.6). The proxy's refusal is `blocked_address`, its failure `unreachable`."""
    if target.is_plain and not rules.is_development and target.address is None:
        raise NotConnected("blocked_address")
    try:
        stream = await trio.open_tcp_stream(proxy.host, proxy.port)
    except OSError:
        raise NotConnected("unreachable") from None
    try:
        host = f"[{target.host}]" if ":" in target.host else target.host
        place = f"{host}:{target.port}".encode("ascii")
        await stream.send_all(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (place, place))
        _judge_tunnel(await _read_head(stream.socket))
    except BaseException as error:
        await trio.aclose_forcefully(stream)
        if isinstance(error, trio.BrokenResourceError | OSError):
            raise NotConnected("unreachable") from None
        raise
    return stream


async def _read_head(tcp: trio.socket.SocketType) -> bytes:
    """The head of the proxy's answer, and no byte after it: those are the far end's. Empty if it is too long."""
    head = bytearray()
    while len(head) < MAX_HEAD_BYTES:
        seen = await tcp.recv(MAX_HEAD_BYTES - len(head), socket.MSG_PEEK)
        if not seen:
            raise NotConnected("unreachable")
        before = len(head)
        head += seen
        end = head.find(b"\r\n\r\n", max(0, before - 3))
        await tcp.recv(len(seen) if end < 0 else end + 4 - before)
        if end >= 0:
            return bytes(head[:end])
    return b""


def _judge_tunnel(head: bytes) -> None:
    version, _, rest = head.partition(b" ")
    status = rest[:1] if version in (b"HTTP/1.1", b"HTTP/1.0") else b""
    if status != b"2":
        raise NotConnected("blocked_address" if status == b"4" else "unreachable")


async def discard(stream: trio.abc.AsyncResource) -> None:
    """Close at once, whatever the far end does."""
    with contextlib.suppress(OSError, trio.BrokenResourceError):
        await trio.aclose_forcefully(stream)
