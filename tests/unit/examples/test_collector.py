"""The example collector prints what arrives, answers as OTLP wants, and prints no control character."""

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from examples.collector.__main__ import MAX_BYTES, Collector

NODE = {"service.name": "example-gateway", "authsession.node.id": "node-1", "authsession.node.pool": "edge"}


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        serving.join()


def post(url: str, signal: str, body: bytes, media_type: str = "application/json", **headers: str) -> httpx.Response:
    return httpx.post(f"{url}/v1/{signal}", content=body, headers={"content-type": media_type, **headers})


def spans() -> bytes:
    """A span as an exporter sends it."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource(NODE), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    provider.get_tracer("test").start_span("GET", start_time=1_000_000, attributes={"url.path": "/whoami"}).end(
        3_500_000
    )
    return encode_spans(kept.get_finished_spans()).SerializeToString()


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_span_in_protobuf_is_a_line(url: str, capsys: pytest.CaptureFixture[str], encoding: str) -> None:
    body = gzip.compress(spans()) if encoding == "gzip" else spans()
    answer = post(url, "traces", body, "application/x-protobuf", **{"content-encoding": encoding})
    assert (answer.status_code, answer.content) == (200, b"")
    assert capsys.readouterr().out == "trace  example-gateway of node-1 in edge  GET 2.5 ms url.path=/whoami\n"


def test_metrics_and_logs_in_json_are_lines(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]}
    metrics = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [{"name": "requests"}]}]}]}
    record = {"body": {"stringValue": "a\x1b[31m\nline"}}
    logs = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}
    for signal, told in (("metrics", metrics), ("logs", logs)):
        answer = post(url, signal, json.dumps(told).encode())
        assert (answer.status_code, answer.content) == (200, b"{}")
    assert capsys.readouterr().out == "metric s  requests\nlog    s  a?[31m?line\n"


@pytest.mark.parametrize(
    ("signal", "body", "status"),
    [
        ("traces", b"{", 400),
        ("traces", b"[]", 400),
        ("traces", b'{"resourceSpans":[1,{"scopeSpans":{"spans":1}}]}', 200),
        ("profiles", b"{}", 404),
    ],
)
def test_other_bodies_print_nothing(
    url: str, capsys: pytest.CaptureFixture[str], signal: str, body: bytes, status: int
) -> None:
    assert post(url, signal, body).status_code == status
    assert capsys.readouterr().out == ""


def test_bodies_are_bounded_packed_and_unpacked(url: str) -> None:
    assert post(url, "traces", gzip.compress(bytes(MAX_BYTES + 1)), **{"content-encoding": "gzip"}).status_code == 413
    assert post(url, "traces", b"not packed", **{"content-encoding": "gzip"}).status_code == 400
