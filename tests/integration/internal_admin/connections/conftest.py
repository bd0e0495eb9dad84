"""The control plane with a token for connections, and providers on loopback."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from services.internal_admin.callers.identity import Scope
from tests.support.api_tokens import make_token
from tests.support.builders import unique
from tests.support.control_plane import ControlPlane, open_control_plane
from tests.support.far_ends import FarEnd, far_end, provider
from tests.support.world import World

API = "/api/control-plane"
KEY = "key-of-a-provider-in-tests"


class Operator:
    """Calls about connections with a token that has both scopes."""

    def __init__(self, plane: ControlPlane, token: str) -> None:
        self.plane = plane
        self.token = token

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.plane.call(method, f"{API}/{path}", body, token=self.token, **more)

    def put(self, name: str, url: str, key: str | None = KEY, expected: int = 0, **more: Any) -> httpx.Response:
        """Writes a connection to a provider of models."""
        secrets = {} if key is None else {"secrets": {"api_key": key}}
        settings = {"base_url": url}
        body = {"kind": "openai_compatible", "settings": settings, **secrets, "expected_revision": expected, **more}
        return self.call("PUT", f"connections/{name}", body)

    def shown(self, name: str) -> dict[str, Any]:
        return self.call("GET", f"connections/{name}").json()["connection"]


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world, requires_token=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def operator(world: World, plane: ControlPlane) -> Operator:
    return Operator(plane, make_token(world, [Scope.CONNECTIONS_READ, Scope.CONNECTIONS_WRITE]).secret)


@pytest.fixture
def end() -> Iterator[FarEnd]:
    """A provider that knows `KEY`."""
    with far_end(provider(KEY)) as running:
        yield running


@pytest.fixture
def name() -> str:
    return unique("connection-")


Audit = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def audit(world: World) -> Audit:
    """Event and outcome of the rows about connections since the test began."""
    (last,) = world.database.execute("select coalesce(max(audit_id), 0) from audit_events")[0]

    def read() -> list[tuple[str, str]]:
        found = world.database.execute(
            "select event, outcome from audit_events where audit_id > $1 and event like '%connection%'"
            " order by audit_id",
            last,
        )
        return [(row["event"].removeprefix("security."), row["outcome"]) for row in found]

    return read
