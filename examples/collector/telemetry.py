"""Traces, metrics and logs in the forms of OTLP, as lines for a terminal."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, cast

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROTOBUF, JSON = "application/x-protobuf", "application/json"
SIGNALS: dict[str, tuple[type[Message], str, str, str]] = {
    "traces": (ExportTraceServiceRequest, "resourceSpans", "scopeSpans", "spans"),
    "metrics": (ExportMetricsServiceRequest, "resourceMetrics", "scopeMetrics", "metrics"),
    "logs": (ExportLogsServiceRequest, "resourceLogs", "scopeLogs", "logRecords"),
}
"""The message of each signal, and the names of its three levels."""
_NODE, _POOL, _SERVICE = "authsession.node.id", "authsession.node.pool", "service.name"

Fields = dict[str, Any]


class Malformed(Exception):
    """The body is not of the form that it claims to have."""


def decoded(signal: str, body: bytes, media_type: str) -> Fields:
    """The body as JSON has it. Raises `Malformed`."""
    if media_type == JSON:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            raise Malformed from None
        if not isinstance(value, dict):
            raise Malformed
        return cast("Fields", value)
    message = SIGNALS[signal][0]()
    try:
        message.ParseFromString(body)
    except DecodeError:
        raise Malformed from None
    return MessageToDict(message)


def nothing_more(media_type: str) -> bytes:
    """The answer that everything was taken: an empty message."""
    return b"{}" if media_type == JSON else b""


def lines(signal: str, told: Fields) -> Iterator[str]:
    """A line for each span, metric or log record: its source, its name, and what it says."""
    _, of_resource, of_scope, of_item = SIGNALS[signal]
    for resource in _objects(told, of_resource):
        who = _source(_attributes(resource.get("resource")))
        for scope in _objects(resource, of_scope):
            for item in _objects(scope, of_item):
                yield f"{signal.removesuffix('s'):6} {who}  {_text(signal, item)}"


def _source(attributes: dict[str, str]) -> str:
    service, node, pool = (attributes.get(name, "") for name in (_SERVICE, _NODE, _POOL))
    return f"{service} of {node} in {pool}" if node else service


def _text(signal: str, item: Fields) -> str:
    if signal == "logs":
        return _printable(str(_value(item.get("body"))))
    name = _printable(str(item.get("name", "")))
    if signal == "metrics":
        return name
    said = " ".join(f"{key}={value}" for key, value in _attributes(item).items())
    return f"{name} {_milliseconds(item):.1f} ms {said}".rstrip()


def _milliseconds(span: Fields) -> float:
    try:
        return (int(span.get("endTimeUnixNano", 0)) - int(span.get("startTimeUnixNano", 0))) / 1e6
    except (TypeError, ValueError):
        return 0.0


def _attributes(holder: object) -> dict[str, str]:
    return {
        _printable(str(each.get("key"))): _printable(str(_value(each.get("value"))))
        for each in _objects(holder, "attributes")
    }


def _value(value: object) -> object:
    """The value in `{"stringValue":…}` and its kin."""
    return next(iter(cast("Fields", value).values()), "") if isinstance(value, dict) else ""


def _objects(holder: object, name: str) -> Iterable[Fields]:
    found = cast("Fields", holder).get(name) if isinstance(holder, dict) else None
    items = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Fields", each) for each in items if isinstance(each, dict)]


def _printable(text: str) -> str:
    """No control character of a stranger reaches the terminal."""
    return "".join(each if each.isprintable() else "?" for each in text[:500])
