"""An OTLP/HTTP collector on `COLLECTOR_ADDR` (default 127.0.0.1:4318): prints a line for each item, keeps nothing.

Ctrl-C stops it. It is for trying things out: a real one is the OpenTelemetry collector.
"""

import contextlib
import gzip
import io
import os
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from examples.collector.telemetry import PROTOBUF, SIGNALS, Malformed, decoded, lines, nothing_more

MAX_BYTES = 8 << 20
"""Of a body, packed and unpacked."""


class TooLarge(Exception):
    pass


class Collector(BaseHTTPRequestHandler):
    """Takes traces, metrics and logs, in protobuf or JSON, packed by gzip or not."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        signal = self.path.removeprefix("/v1/")
        media_type = self.headers.get_content_type()
        if signal not in SIGNALS:
            self._answer(404)
            return
        try:
            told = decoded(signal, self._body(), media_type)
        except TooLarge:
            self._answer(413)
        except (Malformed, OSError, EOFError, ValueError):
            self._answer(400)
        else:
            for line in lines(signal, told):
                print(line, flush=True)
            self._answer(200, nothing_more(media_type), media_type)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in http.server
        """Prints no line for a request: the items have lines of their own."""

    def _body(self) -> bytes:
        raw = b"".join(self._pieces())
        if self.headers.get("content-encoding", "identity") != "gzip":
            return raw
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
            body = packed.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise TooLarge
        return body

    def _pieces(self) -> Iterator[bytes]:
        length = int(self.headers.get("content-length", "-1"))
        if length < 0:
            raise ValueError("a body has a Content-Length here")
        if length > MAX_BYTES:
            raise TooLarge
        yield self.rfile.read(length)

    def _answer(self, status: int, body: bytes = b"", media_type: str = PROTOBUF) -> None:
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        if status in (400, 413):  # its body may not have been read
            self.send_header("connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    host, _, port = os.environ.get("COLLECTOR_ADDR", "127.0.0.1:4318").rpartition(":")
    try:
        server = ThreadingHTTPServer((host, int(port)), Collector)
    except (OSError, ValueError) as problem:
        sys.exit(f"the collector cannot listen on COLLECTOR_ADDR={host}:{port}: {problem}")
    with server:
        host, port_number = cast("tuple[str, int]", server.server_address)
        print(f"The collector listens on http://{host}:{port_number}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
