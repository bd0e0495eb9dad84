"""Starts one of the two services as a process of its own, and asks whether it is ready."""

import errno
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from authsession.embedded.child import Child, Line, StartFailure, ignore_line
from shared.kernel.address import EVERY_INTERFACE, Address, TcpAddress

SOURCE = Path(__file__).resolve().parent.parent
STOP_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Service:
    """The module to start and the address where it will listen."""

    name: str  # "public" or "internal"
    module: str
    address: Address

    def start(self, environment: Mapping[str, str], on_line: Line = ignore_line) -> Child:
        """Starts the process. `-P` keeps Python from importing a package of our names from the working folder."""
        return Child(
            [sys.executable, "-P", "-m", self.module],
            dies_by=signal.SIGKILL,
            on_line=on_line,
            environment={"PYTHONUNBUFFERED": "1", **environment, "PYTHONPATH": str(SOURCE)},
        )

    def is_ready(self) -> bool:
        """Whether `GET /readyz` answers 200 now."""
        request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        try:
            with _connect(self.address) as connection:
                connection.sendall(request)
                return connection.makefile("rb").readline().startswith(b"HTTP/1.1 200")
        except OSError:
            return False


def check_free(address: Address, variable: str) -> None:
    """Raises `StartFailure` if `address` cannot be listened on. The service itself checks the path of a Unix socket."""
    if not isinstance(address, TcpAddress):
        return
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            raise StartFailure(
                f"port {address.port} is in use by another program: stop it, or set {variable} to another address"
            ) from None
        raise StartFailure(
            f"{variable}={address} cannot be listened on ({fault.strerror}): set it to an address of this machine"
        ) from None


def reachable_here(address: TcpAddress) -> TcpAddress:
    """The address at which this machine reaches a listener on `address`: loopback if it listens everywhere."""
    loopback = {EVERY_INTERFACE: "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound
    return TcpAddress(loopback.get(address.host, address.host), address.port)


def _connect(address: Address) -> socket.socket:
    if isinstance(address, TcpAddress):
        here = reachable_here(address)
        return socket.create_connection((here.host, here.port), timeout=5)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5)
    connection.connect(address.path)
    return connection
