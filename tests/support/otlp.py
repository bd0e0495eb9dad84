"""OTLP requests of a node, in protobuf and in JSON, and the resources in them as plain values."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from contracts.node.telemetry import Signal
from services.internal_admin.node_telemetry.domain.body import NodeIdentity, T, Work

NODE = NodeIdentity("node-01arz3ndektsv4rrffq69g5fav", "edge")
OWN = {
    "authsession.node.id": NODE.node_id,
    "authsession.node.pool": "edge",
    "service.instance.id": NODE.node_id,
}
CLAIMED = {"authsession.node.id": "node-of-another", "authsession.node.pool": "core", "service.instance.id": "7"}
REQUESTS: Mapping[Signal, Any] = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}
GROUPS: Mapping[Signal, tuple[str, str]] = {
    "traces": ("resource_spans", "resourceSpans"),
    "metrics": ("resource_metrics", "resourceMetrics"),
    "logs": ("resource_logs", "resourceLogs"),
}


def result_of(work: Work[T]) -> T:
    """The result of work in slices."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def trace_request(attributes: Iterable[tuple[str, str]], spans: int = 1) -> ExportTraceServiceRequest:
    """Spans of one resource with these attributes, which may repeat a name."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add(schema_url="https://example.com/schema")
    for key, value in attributes:
        group.resource.attributes.add(key=key).value.string_value = value
    scope = group.scope_spans.add()
    scope.scope.name = "gateway"
    for number in range(spans):
        span = scope.spans.add(name=f"span {number}", trace_id=b"t" * 16, span_id=b"s" * 8)
        span.attributes.add(key="service.instance.id").value.string_value = "an attribute of a span stays"
    return request


def json_request(attributes: Iterable[tuple[str, str]], spans: int = 1) -> dict[str, Any]:
    """The same in OTLP's JSON."""
    span = {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "name": "π", "kind": 2}
    listed = [{"key": key, "value": {"stringValue": value}} for key, value in attributes]
    scope = {"scope": {"name": "gateway"}, "spans": [span] * spans}
    return {"resourceSpans": [{"resource": {"attributes": listed}, "scopeSpans": [scope], "schemaUrl": "s"}]}


def resources_of(body: bytes, signal: Signal = "traces") -> list[list[tuple[str, str]]]:
    """The attributes of each resource in a request of protobuf, as protobuf's own parser reads it."""
    request: Message = REQUESTS[signal].FromString(body)
    groups: Any = getattr(request, GROUPS[signal][0])
    return [[(each.key, each.value.string_value) for each in group.resource.attributes] for group in groups]


def json_resources_of(body: bytes, signal: Signal = "traces") -> list[list[tuple[str, str]]]:
    """The same of a request in JSON."""
    groups = json.loads(body)[GROUPS[signal][1]]
    return [
        [(each["key"], each["value"]["stringValue"]) for each in group["resource"]["attributes"]] for group in groups
    ]
