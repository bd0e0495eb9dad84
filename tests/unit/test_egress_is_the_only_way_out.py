"""A URL that came in over the API is called through `shared.io.egress` alone (SPEC §18.4)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    "services/internal_admin/connections*",
    "services/internal_admin/connection_health*",
    "services/public_auth/mail/connection*",
)
"""The rooms that hold such URLs, as patterns of files and folders."""
WAYS_OUT = (
    "aiosmtplib", "anyio", "asyncio", "ftplib", "h11", "http.client", "httpcore", "httpx", "multiprocessing",
    "opentelemetry.exporter", "requests", "shared.io.egress_dial", "shared.io.http_client", "shared.io.http_network",
    "smtplib", "socket", "ssl", "subprocess", "trio_asyncio", "urllib.request", "urllib3",
)  # fmt: skip
"""Modules that open connections."""
FORBIDDEN_NAMES = (
    "open_smtp",
    "open_http_client",
    "open_tcp_stream",
    "open_ssl_over_tcp_stream",
    "SocketStream",
    "socket",
)
"""Functions that open connections, of modules that also hold harmless words. `Egress` has an `open_smtp` of its own."""
MAY_DIAL = {"shared/io/egress.py"}


def sources() -> list[Path]:
    found = (path for room in ROOMS for path in ROOT.glob(room))
    return sorted(each for path in found for each in (path.rglob("*.py") if path.is_dir() else [path]))


def ways_out(source: str) -> Iterator[str]:
    """The ways out of our network that a module takes by itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _opens(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (
                f"{node.module}.{alias.name}"
                for alias in node.names
                if _opens(node.module) or _opens(f"{node.module}.{alias.name}") or alias.name in FORBIDDEN_NAMES
            )
        elif isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_NAMES and _is_module(node.value):
            yield node.attr


def _is_module(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id in ("trio", "smtp", "http_client")


def _opens(module: str) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in WAYS_OUT)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_of_connections_opens_none_itself(path: Path) -> None:
    assert list(ways_out(path.read_text("utf-8"))) == []


def test_addresses_are_dialled_by_egress_alone() -> None:
    users = {
        str(path.relative_to(ROOT))
        for folder in ("services", "shared", "authsession")
        for path in (ROOT / folder).rglob("*.py")
        if "shared.io.egress_dial" in path.read_text("utf-8")
    }
    assert users == MAY_DIAL


@pytest.mark.parametrize(
    "source",
    ["import httpx", "import socket", "import urllib.request", "from urllib import request", "from http import client",
     "from shared.io import http_client", "from shared.io.http_client import open_http_client",
     "from shared.io.smtp import open_smtp", "import trio\ntrio.open_tcp_stream('h', 1)", "from trio import socket",
     "from shared.io.egress_dial import Dialer"],
)  # fmt: skip
def test_a_way_out_is_seen(source: str) -> None:
    assert list(ways_out(source))


@pytest.mark.parametrize(
    "source",
    ["from shared.io.egress import Egress", "from shared.io.smtp import Envelope, SmtpServer", "import trio",
     "from urllib.parse import quote", "async def f(egress): egress.open_smtp(1)"],
)  # fmt: skip
def test_a_harmless_import_is_taken(source: str) -> None:
    assert not list(ways_out(source))
