"""A provider on `PROVIDER_ADDR` (default 127.0.0.1:8083) that accepts one key, `PROVIDER_KEY` (default right-key).

It speaks two calls of the OpenAI API: the list of models, and a chat completion that repeats the last message.
It prints each request, and never its key.
"""

import json
import os
import sys
from collections.abc import Mapping
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODELS, CHAT = "/v1/models", "/v1/chat/completions"
MODEL = "model-1"
MAX_BODY = 1 << 20
SECONDS = 10

Answer = tuple[int, Mapping[str, Any]]


def answer(method: str, path: str, is_known: bool, body: bytes) -> Answer:  # noqa: FBT001
    """Status and JSON of one request."""
    if (method, path) not in (("GET", MODELS), ("POST", CHAT)):
        return 404, _error("not_found")
    if not is_known:
        return 401, _error("invalid_api_key")
    if method == "GET":
        return 200, {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "example"}]}
    try:
        said = json.loads(body)["messages"][-1]["content"]
    except (ValueError, LookupError, TypeError):
        return 400, _error("invalid_request_error")
    message = {"role": "assistant", "content": f"You said: {said}"}
    return 200, {
        "object": "chat.completion",
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }


def _error(code: str) -> Mapping[str, Any]:
    return {"error": {"code": code, "message": code.replace("_", " ")}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SECONDS
    key = ""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            self._give(413, _error("request_too_large"))
            return
        self._answer(self.rfile.read(int(length)))

    def _answer(self, body: bytes) -> None:
        given = self.headers.get("authorization", "").encode()
        is_known = compare_digest(given, f"Bearer {self.key}".encode())
        status, content = answer(self.command, self.path, is_known, body)
        print(f"{self.command:4} {self.path}  {status}{'' if is_known else ' (another key)'}", flush=True)
        self._give(status, content)

    def _give(self, status: int, content: Mapping[str, Any]) -> None:
        encoded = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method that is replaced
        """The lines of `_answer` are enough."""


def main() -> None:
    address = os.environ.get("PROVIDER_ADDR", "127.0.0.1:8083")
    host, _, port = address.rpartition(":")
    _Handler.key = os.environ.get("PROVIDER_KEY", "right-key")
    try:
        server = ThreadingHTTPServer((host, int(port)), _Handler)
    except OSError:
        sys.exit(f"the provider cannot listen on {address}: set PROVIDER_ADDR to a free address")
    server.daemon_threads = True
    print(f"The provider listens on http://{address}/v1", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
