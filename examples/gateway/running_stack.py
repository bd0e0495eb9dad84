"""Finds the addresses of the APIs of the `make run` in this folder."""

from pathlib import Path

from authsession.embedded.child import StartFailure
from authsession.installation import Installation

USUAL = ("http://127.0.0.1:8080", "http://127.0.0.1:8081")


def find_apis() -> tuple[str, str]:
    """The URLs of the public and the internal API: those of a running `make run`, else the default ones.

    Raises `StartFailure` if the file in which `up` describes itself is damaged.
    """
    running = Installation(Path.cwd()).running()
    return USUAL if running is None else (running.public_url, running.internal_url)


def find_node_api() -> str:
    """The URL of the node API of a running `make run`, else the default one. Raises `StartFailure` as `find_apis`, and
    if the API is on a Unix socket.
    """
    running = Installation(Path.cwd()).running()
    url = USUAL[1] if running is None else running.node_url or running.internal_url
    if not url.startswith("http://"):
        raise StartFailure(f"the node API is on {url}, where this example cannot go: give its URL as --control-plane")
    return url
