"""No answer of a collector fills the memory: its beginning is kept, packed as it came, and the rest is not read."""

import gzip
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

import pytest

from shared.telemetry.otlp import MAX_ANSWER_BYTES, Session

HEAD = b"HTTP/1.1 200 OK\r\n"
ENDLESS = 64 * 1024 * 1024
"""Bytes that the peer would say; sockets hold a few MB of them."""


class Peer:
    def __init__(self, listener: socket.socket, head: bytes, piece: bytes) -> None:
        self.said = 0
        self._listener = listener
        self._head, self._piece = head, piece

    def serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(self._head)
            while self.said < ENDLESS:
                self.said += len(self._piece)
                connection.sendall(self._piece)


@contextmanager
def peer_that_says(head: bytes, piece: bytes) -> Generator[tuple[Peer, str]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = Peer(listener, head, piece)
        thread = threading.Thread(target=peer.serve)
        thread.start()
        yield peer, f"http://127.0.0.1:{listener.getsockname()[1]}/v1/traces"
        thread.join(20)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"\r\n", bytes(65536)),
        (b"content-length: 999999999999\r\n\r\n", bytes(65536)),
        (b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(65536) + b"\r\n"),
        (b"content-encoding: gzip\r\n\r\n", gzip.compress(bytes(10_000_000))),
    ],
    ids=["until the end", "a length", "chunks", "gzip"],
)
def test_an_endless_answer_is_left(head: bytes, piece: bytes) -> None:
    with peer_that_says(HEAD + head, piece) as (peer, url), Session() as session:
        answer = session.request("POST", url, data=b"x", timeout=10)
    assert answer.status_code == 200
    assert len(answer.content) <= MAX_ANSWER_BYTES
    assert peer.said < ENDLESS
