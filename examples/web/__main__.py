"""A page on `WEB_ADDR` (default 127.0.0.1:8084) that logs in by e-mail code at the `make run` of this folder.

Ctrl-C stops it. A signed call of the page needs `python -m examples.gateway`.
"""

import argparse
import contextlib
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from authsession.embedded.child import StartFailure
from authsession.installation import Installation, Running
from examples.web.site import Backends, Site
from shared.config import variables
from shared.config.settings import Reading

ADDRESS = "127.0.0.1:8084"
SECONDS = 30


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SECONDS
    site: Site

    def do_GET(self) -> None:
        answer = self.site.answer(self.path, is_own=self._is_own())
        self.send_response(answer.status)
        for name, value in self.site.headers.items():
            self.send_header(name, value)
        self.send_header("content-type", answer.content_type)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in http.server
        """The page tells what it does; requests for its files are no news."""

    def _is_own(self) -> bool:
        """Whether no foreign page asks. A name that leads to 127.0.0.1 could make one same-origin (DNS rebinding)."""
        host = self.headers.get("host", "").rpartition(":")[0]
        is_local = host in ("localhost", "127.0.0.1", "[::1]")
        return is_local and self.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.web", description=__doc__)
    parser.add_argument("--public", metavar="URL", help="the public API; that of the `make run` in this folder")
    gateway = f"http://{os.environ.get('GATEWAY_ADDR', '127.0.0.1:8082')}"
    parser.add_argument("--gateway", metavar="URL", default=gateway, help=f"the gateway (default {gateway})")
    given = parser.parse_args()
    address = os.environ.get("WEB_ADDR", ADDRESS)
    try:
        backends = find_backends(given.public, given.gateway)
        hint = hint_about(f"http://{address}")
    except StartFailure as failure:
        sys.exit(str(failure))
    if given.public is None and hint is not None:
        print(hint, flush=True)
    serve(address, Site(backends))


def serve(address: str, site: Site) -> None:
    """Serves until Ctrl-C."""
    host, _, port = address.rpartition(":")
    _Handler.site = site
    try:
        server = ThreadingHTTPServer((host, int(port)), _Handler)
    except (OSError, ValueError, OverflowError):
        sys.exit(f"the page cannot listen on {address}: set WEB_ADDR to a free address")
    with server, contextlib.suppress(KeyboardInterrupt):
        server.daemon_threads = True
        print(f"The page is at http://{address}/", flush=True)
        server.serve_forever()


def find_backends(public: str | None, gateway: str) -> Backends:
    """Those of the `make run` in this folder, unless `public` is given. Raises `StartFailure` with the cure."""
    running = Installation(Path.cwd()).running()
    if public is not None:
        return Backends(public.rstrip("/"), None, gateway, None)
    if running is None:
        raise StartFailure("no `make run` runs in this folder: start it first, or give a public API as --public URL")
    return Backends(
        running.public_url,
        running.public_environment.get("AUTHSESSION_PUBLIC_HOST") or None,
        gateway,
        _mailbox(running),
    )


def hint_about(origin: str) -> str | None:
    """A line about a page that the `make run` in this folder does not know, so that browsers would stop its calls."""
    running = Installation(Path.cwd()).running()
    known = "*" if running is None else running.public_environment.get("AUTHSESSION_CORS_ORIGINS", "")
    if known == "*" or origin in known.split(","):
        return None
    return (
        f"Start `make run` with AUTHSESSION_CORS_ORIGINS={origin}, and the gateway with GATEWAY_CORS_ORIGINS={origin}, "
        "or the browser stops the calls of this page"
    )


def _mailbox(running: Running) -> str | None:
    is_stub = Reading(running.internal_environment).says(variables.MAIL_SERVICE_MODE, "stub")
    return running.internal_url if is_stub and running.internal_url.startswith("http://") else None


if __name__ == "__main__":
    main()
