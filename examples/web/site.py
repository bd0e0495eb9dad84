"""The files of the page, its settings, and the codes of the development mailbox."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx

from authsession.service import SOURCE

PAGE: Final = Path(__file__).parent / "page"
CLIENT: Final = SOURCE / "clients/js/dist"
MAILBOX: Final = "/api/v1/internal/dev/mailbox"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Backends:
    """Where the page logs in and calls. `mailbox` is the internal API that shows codes in development, or None.

    `public_host` is the server's `AUTHSESSION_PUBLIC_HOST`, if it is set.
    """

    api: str
    public_host: str | None
    gateway: str
    mailbox: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes


class Site:
    """Answers `GET` requests. It serves the files that it found at its start, and nothing else."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._files = {f"/{file.name}": file for file in PAGE.iterdir() if file.suffix in TYPES}
        self._files |= {f"/authsession/{file.name}": file for file in CLIENT.glob("*.js")}
        self._files["/"] = PAGE / "index.html"
        self.headers = {
            "content-security-policy": policy(backends),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-cache",
        }

    def answer(self, target: str, *, is_own: bool) -> Answer:
        """`is_own`: the request comes from this page, or from a program."""
        url = urlsplit(target)
        if url.path in self._files:
            file = self._files[url.path]
            return Answer(200, TYPES[file.suffix], file.read_bytes())
        if url.path == "/settings.json":
            return _json(200, _settings(self._backends))
        if url.path == "/mailbox" and self._backends.mailbox is not None and is_own:
            return _codes(self._backends.mailbox, parse_qs(url.query).get("email", [""])[0])
        return _json(404, {"error": "not found"})


def policy(backends: Backends) -> str:
    """The page runs its own files, calls its two back ends, and makes no markup from text (Trusted Types)."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' {backends.api} {backends.gateway}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _settings(backends: Backends) -> dict[str, object]:
    return {
        "api": backends.api,
        "publicHost": backends.public_host,
        "gateway": backends.gateway,
        "hasMailbox": backends.mailbox is not None,
    }


def _codes(internal: str, email: str) -> Answer:
    """The newest code for the address. A real app has no such route: a person reads the code in a letter."""
    try:
        mailbox = httpx.get(internal + MAILBOX, params={"email": email}, timeout=5)
        code: str | None = mailbox.json()["messages"][0]["code"]
    except (httpx.HTTPError, ValueError, KeyError, IndexError):
        code = None
    return _json(200, {"code": code})


def _json(status: int, content: object) -> Answer:
    return Answer(status, "application/json", json.dumps(content).encode())
