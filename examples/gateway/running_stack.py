"""Finds the addresses of the APIs of the `make run` in this folder."""

from pathlib import Path

from authsession.embedded.child import StartFailure
from authsession.installation import Installation
from authsession.service import reachable_here
from shared.config import variables
from shared.kernel.address import EVERY_INTERFACE, UnixAddress, parse_address

USUAL = ("http://127.0.0.1:8080", "http://127.0.0.1:8081")


def find_apis() -> tuple[str, str]:
    """The URLs of the public and the internal API: those of a running `make run`, else the default ones.

    Raises `StartFailure` if the file in which `up` describes itself is damaged.
    """
    running = Installation(Path.cwd()).running()
    return USUAL if running is None else (running.public_url, running.internal_url)


def find_node_api() -> str:
    """The URL of the node API: the internal API's, unless nodes have a listener of their own."""
    running = Installation(Path.cwd()).running()
    own = None if running is None else running.internal_environment.get(variables.NODE_HTTP_ADDR.name)
    if not own:
        return find_apis()[1]
    address = parse_address(own, default_host=EVERY_INTERFACE)
    if isinstance(address, UnixAddress):
        raise StartFailure(f"the node API is on {own}, where this example cannot go: give its URL as --control-plane")
    return f"http://{reachable_here(address)}"
