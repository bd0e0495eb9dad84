"""Finds the addresses of the APIs of the `make run` in this folder."""

from pathlib import Path

from authsession.installation import Installation

USUAL = ("http://127.0.0.1:8080", "http://127.0.0.1:8081")


def find_apis() -> tuple[str, str]:
    """The URLs of the public and the internal API: those of a running `make run`, else the default ones.

    Raises `StartFailure` if the file in which `up` describes itself is damaged.
    """
    running = Installation(Path.cwd()).running()
    return USUAL if running is None else (running.public_url, running.internal_url)
