"""Serves a function over HTTP on loopback, and can go away and come back at the same port."""

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer. `cut` closes the connection instead; `is_endless` sends bytes until the client hangs up."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    cut: bool = False
    is_endless: bool = False


MOST_ENDLESS = 64 << 20
_BLOCK = 64 << 10

Handle: TypeAlias = Callable[[Asked], Answered]


class Loopback:
    """A server of `handle`. `port` stays the same when it is started again.

    `cut_after` is the number of bytes after which a client hung up on an endless answer.
    """

    def __init__(self, handle: Handle) -> None:
        self.port = 0
        self.cut_after: int | None = None
        self._handle = handle
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = _Server(self, self._handle)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Refuses connections from now on, and cuts the open ones."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.cut()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, owner: Loopback, handle: Handle) -> None:
        super().__init__(("127.0.0.1", owner.port), _Handler)
        self.owner = owner
        self.handle = handle
        self._open: set[socket.socket] = set()

    def note(self, connection: socket.socket, *, is_open: bool) -> None:
        (self._open.add if is_open else self._open.discard)(connection)

    def cut(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    connection: socket.socket

    def setup(self) -> None:
        super().setup()
        self._ours().note(self.connection, is_open=True)

    def finish(self) -> None:
        self._ours().note(self.connection, is_open=False)
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Logs nothing."""

    def _ours(self) -> _Server:
        assert isinstance(self.server, _Server)
        return self.server

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        assert self.command is not None
        answered = self._ours().handle(Asked(self.command, self.path, headers, body))
        if answered.cut:
            self.close_connection = True
            return
        self.send_response_only(answered.status)
        length = "1000000000000" if answered.is_endless else str(len(answered.body))
        for name, value in {"content-length": length, **answered.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if answered.is_endless:
            self._send_without_end()
        else:
            self._send(answered)

    def _send(self, answered: Answered) -> None:
        with suppress(OSError):
            self.wfile.write(answered.body)

    def _send_without_end(self) -> None:
        """Sends until the client hangs up, and notes after how many bytes it did."""
        sent = 0
        try:
            while sent < MOST_ENDLESS:
                self.wfile.write(bytes(_BLOCK))
                sent += _BLOCK
        except OSError:
            self._ours().owner.cut_after = sent
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names by which the standard library finds them
