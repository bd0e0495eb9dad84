"""The OpenAPI documents, loaded once, with the few formats that only this product has."""

import base64
from functools import cache
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.specs.openapi.schemas import OpenApiSchema

from contracts.control_plane.audit import AuditCursor, encode_audit_cursor
from contracts.cursor import encode_position
from contracts.instant import encode_instant
from contracts.internal_blocks import BlockCursor, encode_block_cursor
from contracts.internal_sessions import SessionCursor, encode_session_cursor
from contracts.internal_users import UserCursor, encode_user_cursor
from shared.kernel.client_key import parse_client_public_key
from tests.property.contracts.requests import INSTANTS

DOCUMENTS = Path(__file__).parents[3] / "contracts" / "openapi"
NAMES = ("public_auth", "internal_admin", "control_plane", "node")
GUARDED = ("internal_admin", "control_plane")
"""Those of the internal listener."""
DURATIONS = ("90d", "2160h", "7776000s", "3650d")
"""Within the bounds of every setting."""


def load(name: str) -> OpenApiSchema:
    """One document, as schemathesis drives it: the same examples in every run."""
    schema = schemathesis.openapi.from_path(DOCUMENTS / f"{name}.yaml")
    schema.config.generation.update(
        deterministic=True, max_examples=25, allow_x00=False, with_security_parameters=False
    )
    return schema


@cache
def raw(name: str) -> dict[str, Any]:
    """One document as plain values, which nobody changes."""
    return load(name).raw_schema


@cache
def operations(name: str) -> dict[str, dict[str, Any]]:
    """Each operation of a document by its id, with its `path` and `method`."""
    return {
        operation["operationId"]: {**operation, "path": path, "method": method.upper()}
        for path, item in raw(name)["paths"].items()
        for method, operation in item.items()
    }


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The node itself, or what its `$ref` points to."""
    while "$ref" in node:
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def is_usable_key(text: str) -> bool:
    try:
        return bool(parse_client_public_key(text))
    except ValueError:
        return False


def register_formats() -> None:
    """A strategy for the rules of a string that a schema cannot express."""
    keys = st.binary(min_size=32, max_size=32).map(lambda raw_key: base64.b64encode(raw_key).decode())
    schemathesis.openapi.format("ed25519-public-key", keys.filter(is_usable_key))
    schemathesis.openapi.format("x25519-public-key", keys.filter(is_usable_key))
    schemathesis.openapi.format("iana-time-zone", st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))
    schemathesis.openapi.format("future-instant", st.sampled_from(["2126-05-05T12:00:00Z", "9999-12-31T23:59:59Z"]))
    schemathesis.openapi.format(
        "session-cursor", st.builds(SessionCursor, INSTANTS, st.just("device-session-123")).map(encode_session_cursor)
    )
    schemathesis.openapi.format("user-cursor", st.builds(UserCursor, st.just("user-123")).map(encode_user_cursor))
    schemathesis.openapi.format(
        "block-cursor", st.builds(BlockCursor, st.integers(min_value=1, max_value=2**63 - 1)).map(encode_block_cursor)
    )
    schemathesis.openapi.format(
        "token-cursor", st.integers(min_value=1).map(lambda number: encode_position(f"token-{number}"))
    )
    numbers = st.integers(min_value=1, max_value=2**31 - 1)
    schemathesis.openapi.format("number-cursor", numbers.map(lambda number: encode_position(str(number))))
    schemathesis.openapi.format("node-cursor", st.just("node-01arz3ndektsv4rrffq69g5fav").map(encode_position))
    schemathesis.openapi.format(
        "invitation-cursor", st.integers(min_value=1).map(lambda number: encode_position(f"invitation-{number}"))
    )
    schemathesis.openapi.format(
        "join-token-cursor", st.integers(min_value=1).map(lambda number: encode_position(f"join-token-{number}"))
    )
    schemathesis.openapi.format(
        "node-cursor", st.integers(min_value=1).map(lambda number: encode_position(f"node-{number}"))
    )
    schemathesis.openapi.format(
        "audit-cursor",
        st.builds(
            AuditCursor,
            INSTANTS.filter(lambda instant: instant.year >= 1970),
            st.integers(min_value=1, max_value=2**63 - 1),
        ).map(encode_audit_cursor),
    )
    passwords = ["Orchid-lantern-47-quartz", "Saffron-meadow-83-comet", "grüne Wiese & 17 Rehe", "Zq" * 60 + "-94xT"]
    schemathesis.openapi.format("new-password", st.sampled_from(passwords))
    schemathesis.openapi.format(
        "printable-line",
        st.text(min_size=1, max_size=100).map(str.strip).filter(lambda text: text and text.isprintable()),
    )
    schemathesis.openapi.format("setting-duration", st.sampled_from(DURATIONS))
    schemathesis.openapi.format("email-domain", st.sampled_from(["example.org", "Evil.Example", "bücher.example"]))
    schemathesis.openapi.format("date-time", INSTANTS.map(encode_instant))
