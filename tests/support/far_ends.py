"""Far ends of connections on loopback: a small HTTP server that judges keys, and hangs or lies on request."""

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, bytes]
Judge = Callable[["Asked"], Answer]

MODELS = b'{"object":"list","data":[{"id":"model-1","object":"model"}]}'
BODY_MARK = "secret-text-of-a-far-end"
"""It stands in every bad answer: no API, log or trail may show it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived. Names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class FarEnd:
    """`judge` answers; `requests` are all that arrived, over `connections`. `release` ends answers that hang."""

    judge: Judge
    port: int = 0
    connections: int = 0
    requests: list[Asked] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def provider(key: str) -> Judge:
    """A provider of models: its health answers anybody, its list of models needs the key."""

    def judge(asked: Asked) -> Answer:
        if asked.path == "/health":
            return 200, b"{}"
        is_known = asked.headers.get("authorization") == f"Bearer {key}" or asked.headers.get("x-api-key") == key
        return (200, MODELS) if is_known else (401, f'{{"error":"{BODY_MARK}"}}'.encode())

    return judge


def always(status: int, body: bytes = BODY_MARK.encode()) -> Judge:
    """The same answer for every request."""
    return lambda _: (status, body)


@contextmanager
def far_end(judge: Judge, port: int = 0) -> Generator[FarEnd]:
    """A running far end, on a free port by itself.

    A status 0 hangs until `release`, 1 streams for ever, 302 leads to `Location: {body}`.
    """
    end = FarEnd(judge)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            end.connections += 1
            super().setup()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            end.requests.append(asked)
            status, given = end.judge(asked)
            with suppress(OSError):
                self._give(status, given)

        def _give(self, status: int, body: bytes) -> None:
            if status == 0:
                end.release.wait(60)
                return
            if status == 1:
                self._stream()
                return
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
                body = b""
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self) -> None:
            self.send_response(200)
            self.end_headers()
            while not end.release.wait(0.01):
                self.wfile.write(b"x" * 4096)

        do_GET = do_POST = _answer  # noqa: N815 - named by http.server

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by http.server
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    end.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield end
    finally:
        end.release.set()
        server.shutdown()
        server.server_close()
