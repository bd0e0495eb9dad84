"""The relay over sockets: a node's telemetry arrives at a collector under the node's own name, or is refused."""

import gzip
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import trio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from contracts.node.telemetry import JSON, MAX_BODY_BYTES, PROTOBUF, MediaType
from services.internal_admin.callers.identity import NodeCaller
from services.internal_admin.node_telemetry.api import TelemetryApi
from services.internal_admin.node_telemetry.collector import Collector as CollectorClient
from services.internal_admin.node_telemetry.collector import Outage, open_collector
from services.internal_admin.node_telemetry.flow import MAX_HELD_BYTES
from services.internal_admin.node_telemetry.settings import NodeTelemetrySettings
from shared.io.circuit import Circuit
from shared.io.http_client import open_http_client
from shared.kernel.network import parse_network
from shared.web.client_address import ClientAddress
from shared.web.exchange import Headers, Request, Response
from shared.web.refusals import answer_to
from tests.support import collector as collectors
from tests.support.collector import Collector
from tests.support.otlp import CLAIMED, NODE, OWN, json_request, json_resources_of, resources_of, trace_request

TRACES = trace_request(CLAIMED.items()).SerializeToString()


@pytest.fixture
def collector() -> Generator[Collector]:
    with collectors.open_collector() as collector:
        yield collector


@asynccontextmanager
async def open_api(base_url: str, **headers: str) -> AsyncGenerator[TelemetryApi]:
    async with open_collector(NodeTelemetrySettings(base_url, headers)) as collector:
        assert collector is not None
        yield TelemetryApi(collector)


def of(collector: Collector) -> str:
    return collector.environment["OTEL_EXPORTER_OTLP_ENDPOINT"]


def node(node_id: str = NODE.node_id) -> NodeCaller:
    return NodeCaller(node_id, NODE.pool, "gateway-1", 1, b"", "request-1", 1)


def request(body: bytes, media_type: MediaType = PROTOBUF, encoding: bytes | None = None) -> Request:
    headers = [(b"content-type", media_type.encode())] + ([(b"content-encoding", encoding)] if encoding else [])
    client = ClientAddress("10.0.0.7", parse_network("10.0.0.7"), is_behind_trusted_proxy=False)
    return Request("POST", "/", {}, "", Headers(headers), body, client, "request-1")


async def post(
    api: TelemetryApi,
    body: bytes = TRACES,
    media_type: MediaType = PROTOBUF,
    encoding: bytes | None = None,
    node_id: str = NODE.node_id,
) -> Response:
    """The answer, as the edge makes one of a fault too."""
    try:
        return await api.traces(request(body, media_type, encoding), node(node_id))
    except Exception as error:  # noqa: BLE001 - as the edge
        return answer_to(error)


def code_of(answer: Response) -> str:
    return json.loads(answer.body)["error"]["code"]


def retry_after(answer: Response) -> int:
    return int(dict(answer.headers)[b"retry-after"])


async def test_a_node_that_claims_another_ones_id_arrives_with_its_own(collector: Collector) -> None:
    async with open_api(of(collector), **{"api-key": "s3cret"}) as api:
        protobuf = await post(api)
        packed = await post(api, gzip.compress(TRACES), encoding=b"gzip")
        text = await post(api, json.dumps(json_request(CLAIMED.items())).encode(), JSON)
    assert [answer.status for answer in (protobuf, packed, text)] == [200] * 3
    assert (protobuf.body, text.body) == (b"", b"{}")
    (path, first), (_, second), (_, third) = collector.received
    assert path == "/v1/traces"
    assert resources_of(first) == resources_of(second) == json_resources_of(third) == [list(OWN.items())]
    assert [headers["content-type"] for headers in collector.headers] == [PROTOBUF, PROTOBUF, JSON]
    assert {headers["api-key"] for headers in collector.headers} == {"s3cret"}


async def test_each_signal_has_its_path(collector: Collector) -> None:
    async with open_api(of(collector) + "/otlp") as api:
        for signal in (api.traces, api.metrics, api.logs):
            assert (await signal(request(b""), node())).status == 200
    assert [path for path, _ in collector.received] == ["/otlp/v1/traces", "/otlp/v1/metrics", "/otlp/v1/logs"]


async def test_a_partial_success_reaches_the_node(collector: Collector) -> None:
    partial = ExportTraceServiceResponse()
    partial.partial_success.rejected_spans = 3
    async with open_api(of(collector)) as api:
        collector.answer = partial.SerializeToString()
        answer = await post(api)
        assert ExportTraceServiceResponse.FromString(answer.body) == partial
        assert dict(answer.headers)[b"content-type"] == PROTOBUF.encode()
        collector.answer = b'{"partialSuccess":{"rejectedSpans":"3"}}'
        assert (await post(api, b"{}", JSON)).body == collector.answer


@pytest.mark.parametrize("text", [b"<html>thanks</html>", b"{}"])
async def test_a_success_in_a_strange_form_is_a_full_success(collector: Collector, text: bytes) -> None:
    collector.answer = text
    async with open_api(of(collector)) as api:
        assert (await post(api)).body == b""
        assert (await post(api, b"{}", JSON)).body == b"{}"


@pytest.mark.parametrize(("status", "code"), [(400, "invalid_request"), (413, "request_too_large")])
async def test_a_refusal_of_the_data_is_final(collector: Collector, status: int, code: str) -> None:
    collector.status = status
    async with open_api(of(collector)) as api:
        answer = await post(api)
    assert (answer.status, code_of(answer)) == (status, code)


@pytest.mark.parametrize("status", [301, 401, 403, 404, 429, 500, 502, 503, 504])
async def test_every_other_answer_can_be_retried(collector: Collector, status: int) -> None:
    """Also 401 and 404: they mean that the operator's setting is wrong, and not the node's data."""
    collector.status = status
    async with open_api(of(collector)) as api:
        answer = await post(api)
    assert (answer.status, code_of(answer), retry_after(answer)) == (503, "service_unavailable", 5)


@pytest.mark.parametrize(
    ("body", "media_type", "encoding", "status"),
    [
        (b"\x0a\x05abc", PROTOBUF, None, 400),
        (b"{", JSON, None, 400),
        (TRACES, PROTOBUF, b"gzip", 400),
        (gzip.compress(TRACES) + b"x", PROTOBUF, b"gzip", 400),
        (gzip.compress(bytes(MAX_BODY_BYTES + 1)), PROTOBUF, b"gzip", 413),
        (gzip.compress(bytes(8 * MAX_BODY_BYTES)), JSON, b"gzip", 413),
    ],
)
async def test_bad_data_never_reach_the_collector(
    collector: Collector, body: bytes, media_type: MediaType, encoding: bytes | None, status: int
) -> None:
    async with open_api(of(collector)) as api:
        assert (await post(api, body, media_type, encoding)).status == status
    assert collector.received == []


async def test_a_body_of_the_largest_size_passes(collector: Collector) -> None:
    filling = MAX_BODY_BYTES - len(json.dumps(json_request([("a", "")]))) - 1
    body = json.dumps(json_request([("a", "x" * filling)])).encode()
    async with open_api(of(collector)) as api:
        assert (await post(api, gzip.compress(body), JSON, b"gzip")).status == 200
    assert len(collector.received[0][1]) > filling


async def test_a_node_above_its_pace_waits_and_others_do_not(collector: Collector) -> None:
    body = trace_request([("a", "x" * (MAX_BODY_BYTES - 1_000))]).SerializeToString()
    async with open_api(of(collector)) as api:
        answers = [await post(api, body) for _ in range(3)]
        other = await post(api, node_id="node-2")
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert 1 <= retry_after(answers[2]) <= 4
    assert other.status == 200


async def test_bombs_cost_a_node_its_pace(collector: Collector) -> None:
    bomb = gzip.compress(bytes(8 * MAX_BODY_BYTES))
    async with open_api(of(collector)) as api:
        statuses = [(await post(api, bomb, encoding=b"gzip")).status for _ in range(4)]
    assert statuses == [413, 413, 429, 429]


async def test_while_the_collector_is_down_memory_stays_flat() -> None:
    """5,000 requests of 100 KiB would be 500 MiB."""
    large = trace_request([("a", "x" * 100_000)]).SerializeToString()
    async with open_api("http://127.0.0.1:1") as api:
        await post(api, large, node_id="first")
        before = resident_bytes()
        for number in range(5_000):
            answer = await post(api, large, node_id=f"node-{number}")
            assert (answer.status, retry_after(answer)) == (503, 5)
        assert resident_bytes() - before < 40 * 1024 * 1024


async def test_a_collector_that_hangs_holds_64_mib_and_no_more(collector: Collector) -> None:
    collector.may_answer.clear()
    large = trace_request([("a", "x" * (MAX_BODY_BYTES - 1_000))]).SerializeToString()
    statuses = list[int]()

    async def send(number: int) -> None:
        statuses.append((await post(api, large, node_id=f"node-{number}")).status)

    async with open_api(of(collector)) as api, trio.open_nursery() as nursery:
        relay = api._relay
        for number in range(40):
            nursery.start_soon(send, number)
        with trio.fail_after(30):
            while len(statuses) < 40 - MAX_HELD_BYTES // len(large):
                assert relay.held.used <= MAX_HELD_BYTES
                await trio.sleep(0.01)
        assert set(statuses) == {503}
        collector.may_answer.set()
    assert statuses.count(200) == 40 - statuses.count(503)
    assert relay.held.used == 0


async def test_a_collector_that_returns_gets_data_again(collector: Collector) -> None:
    """A collector that is down is left alone but for one try after each pause."""
    collector.status = 503
    circuit = Circuit(failures=3, cool_down=timedelta(milliseconds=200))
    async with open_http_client(of(collector)) as client:
        api = TelemetryApi(CollectorClient(client, {}, circuit, Outage()))
        assert {(await post(api)).status for _ in range(20)} == {503}
        assert len(collector.received) == 3
        collector.status = 200
        await trio.sleep(0.2)
        assert (await post(api)).status == 200


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096
