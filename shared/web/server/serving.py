"""Serves an ASGI app on a socket until the drain ends (SPEC §13.3)."""

import errno
import logging
import os
import socket
from collections.abc import Collection
from functools import partial
from pathlib import Path

import trio

from shared.kernel.address import EVERY_INTERFACE, Address, TcpAddress, UnixAddress
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.faults import AddressTaken, ConfigurationError
from shared.lifecycle.drain import Drain
from shared.web.asgi import AsgiApp
from shared.web.server.http_connection import DEFAULT_RULES, HttpConnection, Listening, Rules
from shared.web.server.places import Places
from shared.web.server.plain_requests import PlainRequests

_log = logging.getLogger("authsession.server.serving")
_BACKLOG = 1024
_LOOK_SECONDS = 0.5
"""Seconds between two looks for overdue connections. A client may exceed its deadline by that time."""


async def serve(
    app: AsgiApp,
    address: Address,
    *,
    drain: Drain,
    clock: Clock,
    entropy: Entropy,
    plain: PlainRequests | None = None,
    rules: Rules = DEFAULT_RULES,
    task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app`, and first the hot routes of `plain`, until `drain` stops and running requests have finished.

    Running requests get at most `drain.shutdown_timeout`. `rules` hold for each connection. `task_status` gets the real
    address, with the port that the system chose for port 0, once connections are accepted.

    Raises `ConfigurationError` if it cannot listen on the address, and its subclass `AddressTaken` if that is in use.
    The file of a Unix socket is removed at the end.
    """
    listener, actual = open_listener(address)
    connections: set[HttpConnection] = set()
    listening = Listening(app, plain, rules, Places(), drain.stopping.is_set, clock, entropy)
    connect = partial(_serve_connection, connections, listening)
    try:
        async with trio.open_nursery() as watch:
            watch.start_soon(_close_overdue, connections)
            async with trio.open_nursery() as handlers:
                async with trio.open_nursery() as acceptor:
                    await acceptor.start(partial(trio.serve_listeners, connect, [listener], handler_nursery=handlers))
                    task_status.started(actual)
                    _log.info("listening", extra={"address": str(actual)})
                    await drain.stopping.wait()
                    acceptor.cancel_scope.cancel()
                handlers.cancel_scope.deadline = trio.current_time() + drain.shutdown_timeout.total_seconds()
                for connection in connections:
                    connection.close_if_idle()
            watch.cancel_scope.cancel()
    finally:
        _remove_socket_file(actual)


async def _serve_connection(connections: set[HttpConnection], listening: Listening, stream: trio.SocketStream) -> None:
    connection = HttpConnection(listening, stream)
    connections.add(connection)
    try:
        await connection.run()
    finally:
        connections.discard(connection)
        listening.places.leave(connection)


async def _close_overdue(connections: Collection[HttpConnection]) -> None:
    while True:
        await trio.sleep(_LOOK_SECONDS)
        now = trio.current_time()
        for connection in connections:
            connection.close_if_overdue(now)


def open_listener(address: Address) -> tuple[trio.SocketListener, Address]:
    """A listening socket and its real address. Raises `ConfigurationError` with the cause and its cure."""
    try:
        sock = _unix_socket(address) if isinstance(address, UnixAddress) else _tcp_socket(address)
    except OSError as error:
        refusal = AddressTaken if error.errno == errno.EADDRINUSE else ConfigurationError
        raise refusal([f"cannot listen on {address}: {_reason(error)}"]) from None
    return trio.SocketListener(trio.socket.from_stdlib_socket(sock)), _actual(address, sock)


def _tcp_socket(address: TcpAddress) -> socket.socket:
    """A listening TCP socket. SO_REUSEADDR is on, so that a restart need not wait for old connections.

    Every interface means IPv4 and IPv6.
    """
    if address.host == EVERY_INTERFACE:
        return _every_interface(address.port)
    family, _, _, _, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(where[:2], family=family, backlog=_BACKLOG)


def _every_interface(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:  # IPv6 is compiled in and switched off
                raise
    return socket.create_server(("", port), backlog=_BACKLOG)


def _unix_socket(address: UnixAddress) -> socket.socket:
    """A listening Unix socket. It replaces the file of a socket that nobody listens on any more."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_leftover(address.path):
            Path(address.path).unlink()
        sock.bind(address.path)
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _is_leftover(path: str) -> bool:
    if not Path(path).is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == errno.ECONNREFUSED


def _actual(address: Address, sock: socket.socket) -> Address:
    return address if isinstance(address, UnixAddress) else TcpAddress(address.host, sock.getsockname()[1])


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "it is in use; stop the program that listens there or choose another address"
    if error.errno == errno.EACCES:
        return "permission denied; choose a port above 1023 or a folder this user may write"
    if isinstance(error, socket.gaierror):
        return "the host name is unknown; use an IP address or a name that resolves"
    return f"{os.strerror(error.errno) if error.errno else type(error).__name__}; choose another address"


def _remove_socket_file(address: Address) -> None:
    if isinstance(address, UnixAddress):
        Path(address.path).unlink(missing_ok=True)
