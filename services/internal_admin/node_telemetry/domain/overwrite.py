"""A node's telemetry under the node's own name, in either form of OTLP."""

from contracts.node.telemetry import PROTOBUF, MediaType, Signal
from services.internal_admin.node_telemetry.domain.body import NodeIdentity, Work
from services.internal_admin.node_telemetry.domain.json_body import overwrite_json
from services.internal_admin.node_telemetry.domain.protobuf_body import is_protobuf, overwrite_protobuf

EMPTY: dict[MediaType, bytes] = {"application/x-protobuf": b"", "application/json": b"{}"}
"""A full success, in each form of an answer."""


def overwrite(body: bytes, node: NodeIdentity, signal: Signal, media_type: MediaType) -> Work[bytes]:
    """The body with the node's attributes in each resource. Raises `BadData`, `TooLarge`."""
    return overwrite_protobuf(body, node) if media_type == PROTOBUF else overwrite_json(body, node, signal)


def success(answer: bytes, media_type: MediaType) -> bytes:
    """The collector's answer to data that it took, such as a partial success.

    Some servers that take OTLP answer with a text of their own. The node then gets a full success, as the status says.
    """
    is_sound = is_protobuf(answer) if media_type == PROTOBUF else answer.startswith(b"{")
    return answer if is_sound else EMPTY[media_type]
