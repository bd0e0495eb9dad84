"""`docs/reference/gateway-records.md`, from the contract of the projection and its golden data."""

import json
from pathlib import Path
from typing import cast

from contracts.gateway import GatewayKeys
from contracts.signed_request import HEADERS, REFUSAL_STATUS
from docs.generate import markdown

_VECTORS = Path(__file__).parents[2] / "contracts/vectors"
_HEAD = """\
A gateway reads these keys in Redis, 6.2 or later, and needs no other part of the product.
A record is the state of one device session; a stream entry is the same state at the moment of a change.
Neither says why a session was revoked or by whom.

Golden data for other languages are in `contracts/vectors/`.
The files are `gateway_records.json`, `stream_entries.json`, `signed_requests.json` and `gateway_cache.json`.
`python -m authsession_gateway.conformance` of the [gateway client](../../clients/gateway/README.md) checks a gateway.
It uses these data, and scenarios on a Redis that it empties."""
_FIELDS = (
    ("device_session_id", "Id of the session."),
    ("user_id", "Id of the user."),
    ("client_public_key", "Ed25519 public key of the client: padded standard base64 of 32 bytes."),
    ("status", "`active` or `revoked`. A revoked session is never active again."),
    (
        "revoked_at_ms",
        "Instant of the revocation in milliseconds since 1970 UTC. Only revoked sessions have it.",
    ),
)
_PROJECTION = (
    ("epoch", "Identity of the present generation of records. It changes when records may have been lost."),
    (
        "state",
        "`complete`: every session has its record. In any other state a missing record means *unavailable*.",
    ),
    (
        "beat",
        "Whole number that grows about once a second. A beat that stands still or falls means that records may be old.",
    ),
)


def page() -> str:
    """The whole page."""
    keys = GatewayKeys()
    names = (
        (keys.record("{device_session_id}"), "string", "gateways read", "The record of one session, as compact JSON."),
        (keys.stream, "stream", "gateways read", "Session events: one entry for each change of a session."),
        (keys.projection, "hash", "gateways read", "State of the records as a whole."),
        (
            keys.replay("{device_session_id}", "{request_id}"),
            "string",
            "gateways write",
            "Marks a signed request as seen. Only gateways use it.",
        ),
    )
    key_rows = [(markdown.code(name), kind, use, meaning) for name, kind, use, meaning in names]
    return markdown.page(
        "Gateway records",
        "`contracts/gateway.py`, `contracts/signed_request.py` and `contracts/vectors`",
        _HEAD,
        "## Keys",
        markdown.table(("Key", "Type", "Use", "Meaning"), key_rows),
        "`AUTHSESSION_GATEWAY_KEY_PREFIX` and `AUTHSESSION_GATEWAY_STREAM` change the first three names.\n"
        "The projection's key is the prefix without a final `session:`, followed by `projection`.\n"
        "On Redis Cluster both must share a hash tag.",
        "A record of an active session lives until the session's age is `session_max_age`, 365 days by default.\n"
        "A revoked one lives for 30 days after the revocation, and a mark of a request for 90 seconds.\n"
        "The stream keeps about `AUTHSESSION_GATEWAY_STREAM_MAXLEN` entries, 100,000 by default.",
        "## Record and stream entry",
        _fields(_FIELDS),
        "A stream entry has the same fields, and all its values are strings.",
        *_examples(),
        "## Projection",
        _fields(_PROJECTION),
        "## Signed requests",
        "A client signs each request with the key of its session and sends these header fields, each exactly once:",
        "\n".join(f"* `{header}`" for header in HEADERS),
        "A gateway checks in the order of this table and answers the first refusal.\n"
        "[The client guide](../guides/client-app.md) says how to sign.",
        markdown.table(
            ("Refusal", "Status"), [(markdown.code(refusal), str(status)) for refusal, status in REFUSAL_STATUS.items()]
        ),
    )


def _fields(rows: tuple[tuple[str, str], ...]) -> str:
    return markdown.table(("Field", "Meaning"), [(markdown.code(name), meaning) for name, meaning in rows])


def _examples() -> list[str]:
    """Those of the golden data, byte for byte."""
    records = cast("list[dict[str, str]]", _vectors("gateway_records")["records"])
    return [f"{each['name'].capitalize()}:\n\n{markdown.block(each['value'], 'json')}" for each in records]


def _vectors(name: str) -> dict[str, object]:
    return json.loads((_VECTORS / f"{name}.json").read_text("utf-8"))
