"""The relay of OpenTelemetry data, OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp)."""

from typing import Literal, TypeAlias

Signal: TypeAlias = Literal["traces", "metrics", "logs"]
MediaType: TypeAlias = Literal["application/x-protobuf", "application/json"]

SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")
PROTOBUF: MediaType = "application/x-protobuf"
JSON: MediaType = "application/json"
MEDIA_TYPES: tuple[MediaType, ...] = (PROTOBUF, JSON)

MAX_BODY_BYTES = 4 * 1024 * 1024
"""The limit of a body as it arrives, and of the same body after decompression."""
BYTES_PER_SECOND = 1024 * 1024
"""The pace of one node, in bytes after decompression."""

NODE_ID, NODE_POOL, INSTANCE_ID = "authsession.node.id", "authsession.node.pool", "service.instance.id"
"""Attributes of every resource. The process sets them, whatever the node sends under these names."""


def telemetry_path(signal: Signal) -> str:
    """The path of a signal, below which OpenTelemetry's exporters know it (`…/v1/traces`)."""
    return f"/api/v1/node/telemetry/v1/{signal}"
