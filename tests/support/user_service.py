"""A user service on loopback: SPEC §8 in memory, and every fault of a neighbour."""

import json
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

from authsession.embedded.child import free_port

Fault = Literal["stall", "garbage", "unexpected", "contradiction", "redirect", "hang_up", "too_long"]
ROOT = "/api/v1/internal/"


class Call(NamedTuple):
    """One request as it arrived, such as `POST users/ensure-by-email`, and its body (None for a GET)."""

    route: str
    body: Any


class UserServicePeer:
    """The service can be stopped at once and started again. It keeps its port and its users.

    `fault` spoils every answer (`503` and other numbers are statuses). `answers` replace the answers of routes,
    unchanged.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.calls: list[Call] = []
        self.request_ids: list[str | None] = []
        self.users: dict[str, str] = {}
        self.registrations: dict[str, dict[str, str]] = {}
        self.blocked: set[str] = set()
        """Blocked addresses and user ids."""
        self.reasons: dict[str, str] = {}
        self.fault: Fault | int | None = None
        self.answers: dict[str, Any] = {}
        self.released = threading.Event()
        self._server: _Server | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.released.clear()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Refuses connections from now on, and cuts the open ones."""
        if self._server is not None:
            self.released.set()
            self._server.shutdown()
            self._server.server_close()
            self._server.cut()
            self._server = None

    def routes(self) -> list[str]:
        return [call.route for call in self.calls]

    def bodies(self, route: str) -> list[Any]:
        return [call.body for call in self.calls if call.route == route]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:  # noqa: PLR0911 - one answer per route
        """Status and JSON of the answer to one request. A body of None means no body."""
        route = f"{method} {unquote(path).removeprefix(ROOT)}"
        with self._lock:
            self.calls.append(Call(route, body))
            if route in self.answers:
                return 200, self.answers[route]
            match route.split("/"):
                case ["POST user-resolutions", "by-email"]:
                    return 200, self._resolution(body["email"])
                case ["POST users", "ensure-by-email"]:
                    return 200, self._ensured(body)
                case ["GET users", user_id, "exists"]:
                    return 200, {"exists": user_id in self.users.values()}
                case ["POST users", user_id, "block"]:
                    return self._block(user_id, body) if user_id in self.users.values() else (404, {"error": "unknown"})
                case ["POST user-blocks", "by-email"]:
                    return self._block(body["email"], body)
                case _:
                    return 404, {"error": "no such route"}

    def _resolution(self, email: str) -> dict[str, str]:
        if self._is_blocked(email):
            return {"kind": "blocked"}
        return {"kind": "existing", "user_id": self.users[email]} if email in self.users else {"kind": "creatable"}

    def _ensured(self, body: Any) -> dict[str, str]:
        email = body["email"]
        if self._is_blocked(email):
            return {"outcome": "blocked"}
        if email in self.users:
            return {"outcome": "existing", "user_id": self.users[email]}
        self.users[email] = f"{len(self.users) + 1}.person~{self.port}"  # not of the product's form, on purpose
        self.registrations[email] = body["registration_context"]
        return {"outcome": "created", "user_id": self.users[email]}

    def _is_blocked(self, email: str) -> bool:
        return email.lower() in self.blocked or self.users.get(email) in self.blocked

    def _block(self, subject: str, body: Any) -> tuple[int, Any]:
        known = subject in self.blocked
        self.blocked.add(subject)
        self.reasons[subject] = body["reason_code"]
        return 200, {"outcome": "already_blocked" if known else "blocked"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, peer: UserServicePeer) -> None:
        self.peer = peer
        self.connections: set[Any] = set()
        super().__init__(("127.0.0.1", peer.port), _Handler)

    def get_request(self) -> Any:
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def cut(self) -> None:
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._handle(None)

    def do_POST(self) -> None:
        assert self.headers["content-type"] == "application/json"
        self._handle(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def _handle(self, body: Any) -> None:
        assert isinstance(self.server, _Server)
        peer = self.server.peer
        fault = peer.fault
        peer.request_ids.append(self.headers["x-request-id"])
        if fault == "stall":
            peer.calls.append(Call("stalled", body))
            peer.released.wait(30)
            self.close_connection = True
            return
        if fault == "hang_up":
            self.close_connection = True
            return
        if isinstance(fault, int):
            peer.calls.append(Call(f"answered {fault}", body))
            self._send(fault, b'{"error":{"code":"no","message":"no"}}')
            return
        status, answer = peer.answer(self.command, self.path, body)
        self._send(302 if fault == "redirect" else status, _spoiled(fault, answer))

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("location", "/elsewhere") if status == 302 else None
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the standard library
        """Logs nothing."""


def _spoiled(fault: Fault | int | None, answer: dict[str, Any]) -> bytes:
    match fault:
        case "garbage":
            return b"<html>everything is fine</html>"
        case "unexpected":
            return json.dumps({**answer, "surprise": 1}).encode()
        case "contradiction":
            swapped = {"kind": "blocked", "outcome": "blocked", "exists": "yes"}
            return json.dumps(
                {name: swapped.get(name, value) for name, value in answer.items()} | {"user_id": "u-1"}
            ).encode()
        case "too_long":
            return json.dumps(answer).encode() + b" " * 100_000
        case _:
            return json.dumps(answer).encode()


@contextmanager
def user_service_peer() -> Generator[UserServicePeer]:
    """A running user service, stopped afterwards."""
    peer = UserServicePeer()
    peer.start()
    try:
        yield peer
    finally:
        peer.stop()
