"""Telemetry of nodes goes to the default connection `telemetry`, if the environment names no collector (SPEC §16.6)."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import trio

from contracts.node.telemetry import telemetry_path
from services.internal_admin.callers.identity import Scope
from services.internal_admin.node_telemetry.collector import Away
from services.internal_admin.node_telemetry.default import DefaultCollector, Target, TargetUnreadable
from shared.io.egress import Egress
from shared.kernel.egress_rules import EgressRules
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.keyring import NO_KEYS
from tests.integration.internal_admin.connections.conftest import Operator
from tests.support.api_tokens import make_token
from tests.support.builders import unique
from tests.support.collector import Collector, open_collector
from tests.support.control_plane import ControlPlane, open_control_plane
from tests.support.nodes import Node, make_node
from tests.support.otlp import json_request
from tests.support.world import World

TRACES = telemetry_path("traces")
DEFAULT = "connections/defaults/telemetry"
BODY = json.dumps(json_request([("a", "b")])).encode()
KEY = "s3cret-of-a-collector"


@pytest.fixture(scope="module")
def operator(world: World) -> Iterator[Operator]:
    with open_control_plane(world, requires_token=True) as plane:
        yield Operator(plane, make_token(world, [Scope.CONNECTIONS_READ, Scope.CONNECTIONS_WRITE]).secret)


@pytest.fixture(autouse=True)
def no_default(operator: Operator) -> Iterator[None]:
    yield
    operator.call("DELETE", DEFAULT)


@pytest.fixture
def node(world: World) -> Node:
    return make_node(world.database)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with open_collector() as running:
        yield running


def make_default(operator: Operator, collector: Collector, key: str = KEY, name: str = "", expected: int = 0) -> str:
    """Accepts a connection to the collector, makes it the default, and returns its name."""
    name = name or unique("telemetry-")
    settings = {"endpoint": collector.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/otlp"}
    body = {"kind": "otlp", "settings": settings, "secrets": {"headers": f"Api-Key={key}"}}
    accepted = operator.call("PUT", f"connections/{name}", {**body, "expected_revision": expected})
    assert accepted.json().get("outcome") == "accepted", accepted.text
    assert operator.call("PUT", DEFAULT, {"connection": name}).status_code == 200
    collector.received.clear()
    collector.headers.clear()
    return name


def post(plane: ControlPlane, node: Node) -> httpx.Response:
    return plane.send("POST", TRACES, BODY, node.headers("POST", TRACES, BODY))


def code_of(answer: httpx.Response) -> Any:
    return answer.json().get("error", {}).get("code", "taken")


def post_until(operator: Operator, node: Node, code: str) -> httpx.Response:
    """Posts until the answer is this one. A change acts within about a second."""
    until = time.monotonic() + 4
    while code_of(answer := post(operator.plane, node)) != code and time.monotonic() < until:
        time.sleep(0.1)
    assert code_of(answer) == code, answer.text
    return answer


def test_telemetry_follows_the_default_connection(operator: Operator, node: Node, collector: Collector) -> None:
    """The default that is set, another default, another revision of it, and none: each acts without a restart."""
    answer = post_until(operator, node, "telemetry_not_configured")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")

    make_default(operator, collector)
    post_until(operator, node, "taken")
    assert collector.received[0][0] == "/otlp/v1/traces"
    assert node.node_id.encode() in collector.received[0][1]
    assert collector.headers[0]["api-key"] == KEY

    with open_collector() as other:
        name = make_default(operator, other, "first-key")
        time.sleep(1.1)
        collector.received.clear()
        assert code_of(post(operator.plane, node)) == "taken"
        make_default(operator, other, "second-key", name, expected=1)
        time.sleep(1.1)
        assert code_of(post(operator.plane, node)) == "taken"
        assert other.headers[-1]["api-key"] == "second-key"
        assert collector.received == []
        operator.call("DELETE", DEFAULT)
        post_until(operator, node, "telemetry_not_configured")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_the_headers_shows_in_the_health_at_once(
    operator: Operator, node: Node, collector: Collector, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    name = make_default(operator, collector)
    post_until(operator, node, "taken")
    collector.status, collector.answer = status, KEY.encode()
    time.sleep(1.1)
    answers = [post(operator.plane, node) for _ in range(3)]
    assert [(code_of(each), each.headers["retry-after"]) for each in answers] == [("service_unavailable", "5")] * 3
    health = operator.call("GET", f"integrations/{name}/health").json()
    assert [each["result"] for each in health["snapshots"]] == ["invalid_credentials"]
    assert KEY not in caplog.text + "".join(each.text for each in answers)


def test_a_secret_that_cannot_be_opened_stops_telemetry_and_nothing_else(
    world: World, operator: Operator, node: Node, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    make_default(operator, collector)
    with open_control_plane(world, requires_token=True, secret_keys=NO_KEYS) as plane:
        answers = [post(plane, node) for _ in range(2)]
        assert [(code_of(each), each.headers["retry-after"]) for each in answers] == [("service_unavailable", "5")] * 2
        assert plane.get("/api/control-plane/connections", token=operator.token).status_code == 200
    reasons = [each.__dict__["reason"] for each in caplog.records if "telemetry of nodes" in each.getMessage()]
    assert reasons == ["secret_unreadable"]
    assert collector.received == []


class FakeTargets:
    """Counts looks. Each ends with `end`."""

    def __init__(self, end: Target | Exception | None) -> None:
        self.end = end
        self.looks = 0

    async def read(self) -> Target | None:
        self.looks += 1
        await trio.sleep(0.01)
        if isinstance(self.end, Exception):
            raise self.end
        return self.end

    async def note_refused(self, target: Target) -> None:
        raise AssertionError(target)


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (None, type(None)),
        (TargetUnreadable(), Away),
        (DependencyUnavailable("postgres"), Away),
    ],
)
async def test_many_bodies_share_a_look(end: Exception | None, found: type) -> None:
    """Also a look that fails, so a slow Postgres is not asked by each body in turn. Without a body there is none."""
    targets = FakeTargets(end)
    collectors, all_found = DefaultCollector(targets, Egress(EgressRules(is_development=True))), list[object]()

    async def ask() -> None:
        all_found.append(await collectors.current())

    await trio.sleep(0.02)
    assert targets.looks == 0
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(ask)
    assert targets.looks == 1
    assert {type(each) for each in all_found} == {found}
