"""A mail service on loopback (SPEC §7.1). It is strict about its contract, and fails on request."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.mail_peer import Fault, MailPeer, Received

PATH = "/api/v1/internal/login-code-deliveries"


class RestMailPeer(MailPeer):
    """`answers` are statuses and bodies by address. They replace the contract's answer."""

    def __init__(self) -> None:
        super().__init__()
        self.port = 0
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.requests: list[tuple[str, bytes]] = []
        """Idempotency key and body of each request, as they arrived."""
        self.credentials: list[str | None] = []
        """The header `Authorization` of each request."""

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, key: str, body: bytes) -> tuple[int, bytes] | None:
        """Status and body of the answer. None ends the connection without an answer."""
        self.requests.append((key, body))
        fields = json.loads(body)
        assert list(fields) == ["email", "code", "locale"]
        email = fields["email"]
        fault = self.fault_for(email)
        if fault is Fault.DROP:
            return None
        if fault is Fault.STALL:
            self.released.wait(60)
        if fault is not None:
            return (422 if fault is Fault.REFUSE else 503), b'{"error":{"code":"no","message":"no"}}'
        if email in self.answers:
            return self.answers[email]
        self.received.append(Received(email, fields["code"], fields["locale"], key))
        return 200, b'{"outcome":"sent"}'


@contextmanager
def rest_mail_peer() -> Generator[RestMailPeer]:
    """A running mail service."""
    peer = RestMailPeer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            peer.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert (self.path, self.headers["Content-Type"]) == (PATH, "application/json")
            peer.credentials.append(self.headers["Authorization"])
            answer = peer.answer(self.headers["Idempotency-Key"], body)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer[1])))
            self.end_headers()
            self.wfile.write(answer[1])

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client did not wait for the answer
                super().handle()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server names it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    peer.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="rest-mail-peer")
    thread.start()
    try:
        yield peer
    finally:
        peer.released.set()
        server.shutdown()
        server.server_close()
        thread.join(20)
