"""Connections of the golden exchanges, made into dataclasses and back."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from contracts.control_plane import connection_health, connections

Json = dict[str, Any]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _verification(shown: Json) -> connections.Verification:
    return connections.Verification(
        shown["result"], _instant(shown["checked_at"]), shown["duration_ms"], shown.get("account"), shown["detail"]
    )


def _revision(shown: Json) -> connections.Revision:
    return connections.Revision(
        shown["revision"],
        shown["settings"],
        tuple(shown["secrets"]),
        _verification(shown["verification"]) if "verification" in shown else None,
        shown["unverified"],
        shown["created_by"],
        _instant(shown["created_at"]),
    )


def _connection(shown: Json) -> connections.ConnectionAnswer:
    candidate = shown.get("candidate")
    return connections.ConnectionAnswer(
        shown["connection_id"],
        shown["name"],
        shown["kind"],
        _revision(shown["accepted"]) if "accepted" in shown else None,
        None if candidate is None else _revision(candidate),
        None if candidate is None else _instant(candidate["expires_at"]),
        tuple(shown["default_for"]),
        _instant(shown["created_at"]),
        _instant(shown["updated_at"]),
    )


def _default(shown: Json) -> connections.DefaultAnswer:
    return connections.DefaultAnswer(
        shown["connection_key"], shown["name"], shown["kind"], shown["changed_by"], _instant(shown["changed_at"])
    )


def _verified(answer: Json) -> bytes:
    return connections.encode_verified(answer["outcome"], answer["revision"], _verification(answer["verification"]))


def _health(answer: Json) -> bytes:
    snapshots = tuple(
        connection_health.Snapshot(_instant(each["checked_at"]), each["result"], each["duration_ms"])
        for each in answer["snapshots"]
    )
    health = connection_health.HealthAnswer(answer["status"], _instant(answer["since"]), snapshots)
    return connection_health.encode_health(health)


ENCODERS: dict[str, Callable[[Json], bytes]] = {
    "read_connection_catalog": lambda _: connections.encode_catalogue(),
    "list_connections": lambda a: connections.encode_connections([_connection(each) for each in a["connections"]]),
    "read_connection": lambda a: connections.encode_connection(_connection(a["connection"])),
    "read_integration_health": _health,
    "put_connection": _verified,
    "verify_connection": _verified,
    "put_provider_api_key": _verified,
    "verify_provider": _verified,
    "delete_connection": lambda a: connections.encode_deleted_connection(a["name"]),
    "list_default_connections": lambda a: connections.encode_defaults([_default(each) for each in a["defaults"]]),
    "read_default_connection": lambda a: connections.encode_default(_default(a["default"])),
    "set_default_connection": lambda a: connections.encode_default(_default(a["default"]), a["outcome"]),
    "remove_default_connection": lambda a: connections.encode_removed_default(a["connection_key"]),
}


def _put(body: bytes) -> Json:
    asked = connections.decode_put_connection(body)
    return {
        "kind": asked.kind.kind,
        "settings": asked.settings,
        "secrets": asked.secrets or None,
        "expected_revision": asked.expected_revision,
        "accept_unverified": asked.accepts_unverified,
    }


def _put_api_key(body: bytes) -> Json:
    asked = connections.decode_put_api_key(body)
    return {
        "kind": asked.kind,
        "settings": asked.settings,
        "api_key": asked.api_key,
        "expected_revision": asked.expected_revision,
        "accept_unverified": asked.accepts_unverified,
    }


DECODERS: dict[str, Callable[[bytes], Any]] = {
    "put_connection": _put,
    "put_provider_api_key": _put_api_key,
    "set_default_connection": lambda body: {"connection": connections.decode_put_default(body)},
}
