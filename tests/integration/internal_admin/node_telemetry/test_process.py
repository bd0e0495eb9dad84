"""Telemetry of nodes through the running process: signed, under the node's own name, and visible in its metrics."""

import gzip
import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass

import httpx
import pytest

from contracts.node.telemetry import JSON, MAX_BODY_BYTES, PROTOBUF, telemetry_path
from tests.support.collector import Collector, open_collector
from tests.support.database import Database
from tests.support.nodes import Node, make_node
from tests.support.otlp import json_request, json_resources_of, resources_of, trace_request
from tests.support.stack import RunningStack, open_stack

TRACES = telemetry_path("traces")
OF_PROTOBUF = {"content-type": PROTOBUF}
PACKED = {"content-encoding": "gzip"}


@dataclass(frozen=True)
class Site:
    """A running system with a collector and two nodes."""

    stack: RunningStack
    collector: Collector
    node: Node
    other: Node

    def post(
        self, body: bytes, node: Node | None = None, path: str = TRACES, *, headers: Mapping[str, str]
    ) -> httpx.Response:
        """Sends a body that `node` signs."""
        signed = (node or self.node).headers("POST", path, body)
        return httpx.post(self.stack.internal_url + path, content=body, headers={**signed, **headers}, timeout=30)


@pytest.fixture(scope="module")
def site(database: Database) -> Generator[Site]:
    with open_collector() as collector:
        endpoint = collector.environment["OTEL_EXPORTER_OTLP_ENDPOINT"]
        settings = {"AUTHSESSION_NODE_OTLP_ENDPOINT": endpoint, "AUTHSESSION_NODE_OTLP_HEADERS": "Api-Key=a%20b"}
        with open_stack(database, **settings) as stack:
            yield Site(stack, collector, make_node(database), make_node(database))


@pytest.fixture(autouse=True)
def _forgetful(site: Site) -> None:
    site.collector.received.clear()


def claims_of(node: Node) -> list[tuple[str, str]]:
    return [("authsession.node.id", node.node_id), ("service.instance.id", node.node_id)]


def test_a_node_that_claims_another_ones_id_arrives_with_its_own(site: Site) -> None:
    claim = claims_of(site.other)
    protobuf = site.post(trace_request(claim).SerializeToString(), headers=OF_PROTOBUF)
    packed = gzip.compress(json.dumps(json_request(claim)).encode())
    text = site.post(packed, headers={"content-type": JSON} | PACKED)
    assert [(each.status_code, each.content) for each in (protobuf, text)] == [(200, b""), (200, b"{}")]
    assert [each.headers["content-type"] for each in (protobuf, text)] == [PROTOBUF, JSON]
    own = [*claims_of(site.node)[:1], ("authsession.node.pool", "edge"), *claims_of(site.node)[1:]]
    (_, first), (_, second) = site.collector.received
    assert resources_of(first) == json_resources_of(second) == [own]
    assert site.collector.headers[-1]["api-key"] == "a b"


def test_a_request_without_a_nodes_signature_does_not_arrive(site: Site) -> None:
    body = trace_request(claims_of(site.other)).SerializeToString()
    url = site.stack.internal_url + TRACES
    assert httpx.post(url, content=body, headers=OF_PROTOBUF).status_code == 400
    signed = site.node.headers("POST", TRACES, body + b"x")
    assert httpx.post(url, content=body, headers=signed | OF_PROTOBUF).status_code == 401
    assert site.collector.received == []


def test_a_body_of_4_mib_arrives_and_a_larger_one_is_refused(site: Site, database: Database) -> None:
    largest = trace_request([("a", "x" * (MAX_BODY_BYTES - 200))]).SerializeToString()
    answers = [
        site.post(body, make_node(database), headers=OF_PROTOBUF).status_code
        for body in (largest, largest + bytes(200))
    ]
    bomb = gzip.compress(bytes(MAX_BODY_BYTES + 1))
    answers.append(site.post(bomb, headers=OF_PROTOBUF | PACKED).status_code)
    assert answers == [200, 413, 413]
    assert len(site.collector.received) == 1


@pytest.mark.parametrize(
    "headers", [{"content-type": "text/plain"}, {"content-type": PROTOBUF, "content-encoding": "deflate"}, {}]
)
def test_another_form_of_a_body_is_refused(site: Site, headers: dict[str, str]) -> None:
    answer = site.post(b"\x0a\x00", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


def test_metrics_count_outcomes_and_name_no_node(site: Site, database: Database) -> None:
    node = make_node(database)
    assert site.post(b"", node, telemetry_path("logs"), headers=OF_PROTOBUF).status_code == 200
    assert site.post(b"\x0a", node, telemetry_path("logs"), headers=OF_PROTOBUF).status_code == 400
    text = httpx.get(site.stack.internal_url + "/metrics").text
    assert 'authsession_node_telemetry_requests_total{outcome="forwarded",signal="logs"} 1.0' in text
    assert 'authsession_node_telemetry_requests_total{outcome="refused",signal="logs"} 1.0' in text
    assert "authsession_node_telemetry_forwarded_bytes_total" in text
    assert node.node_id not in text


def test_the_environment_wins_over_the_default_connection(site: Site, database: Database) -> None:
    """Nobody listens at the default connection of this test."""
    database.execute(
        """
        with made as (
            insert into connections
                (connection_id, name, kind, last_revision, accepted_revision, created_at, updated_at)
            values ('connection-env', 'connection-env', 'otlp', 1, 1, clock_now(), clock_now())),
        revision as (
            insert into connection_revisions (connection_id, revision, settings, secrets, created_by, created_at)
            values ('connection-env', 1, '{"endpoint": "http://127.0.0.1:1"}', '{}', 'test', clock_now()))
        insert into connection_defaults (connection_key, connection_id, changed_by, changed_at)
        values ('telemetry', 'connection-env', 'test', clock_now())
        """
    )
    try:
        assert site.post(b"", headers=OF_PROTOBUF).status_code == 200
        assert [path for path, _ in site.collector.received] == ["/v1/traces"]
    finally:
        database.execute("delete from connection_defaults where connection_id = 'connection-env'")
        database.execute("delete from connections where connection_id = 'connection-env'")
