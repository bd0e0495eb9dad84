"""Waiting for a peer to serve."""

import socket
import time
from contextlib import suppress

from authsession.embedded.child import Child, StartFailure

TIMEOUT = 60.0
SETTLING = 1.0
"""Seconds between the first worker's first answer and the bench, for the others."""


def wait_until_it_answers(child: Child, port: int) -> None:
    """Returns when something answers HTTP on that loopback port. Raises `StartFailure` with its last words."""
    deadline = time.monotonic() + TIMEOUT
    while not _answers(port):
        if child.exit_status() is not None or time.monotonic() > deadline:
            raise StartFailure(f"it does not answer (exit status {child.exit_status()}):\n{child.tail()}")
        time.sleep(0.1)
    time.sleep(SETTLING)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return connection.recv(4) == b"HTTP"
    return False
