"""Query and answer of `GET audit` (SPEC §10.2). Decoding checks the form only."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote, urlencode

from contracts.cursor import encode_position, invalid_cursor, read_position
from contracts.encoding import encode
from contracts.instant import decode_instant, encode_instant
from contracts.strict_json import Fields, invalid, read_filled_text, read_text
from contracts.strict_query import decode_query, read_limit

AuditFormat: TypeAlias = Literal["json", "jsonl"]

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 500
JSON_LINES: Final = "application/jsonl"

_EQUALS = ("event", "outcome", "caller", "actor_type", "actor_id", "subject", "request_id")
_KNOWN = frozenset({*_EQUALS, "from", "to", "limit", "cursor", "format"})
_POSITION = re.compile(r"([0-9]{1,18})\.([0-9]{1,19})")
_MAX_AUDIT_ID = 2**63 - 1  # Postgres bigint
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class AuditCursor(NamedTuple):
    """The row, or the place between rows, at which a page ended. The next page starts after it."""

    occurred_at: datetime
    audit_id: int


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """The rows that match every given field, with `since` included and `until` excluded."""

    event: str | None = None
    outcome: str | None = None
    caller: str | None = None
    actor_type: str | None = None
    actor_id: str | None = None
    subject: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListAuditQuery:
    """Asks for one page of the rows that match `filter`. `format` is None if the query does not name one."""

    filter: AuditFilter = AuditFilter()
    limit: int = DEFAULT_LIMIT
    cursor: AuditCursor | None = None
    format: AuditFormat | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Every column of one row, in the order of the table. `details` is JSON text, as Postgres writes a `jsonb`."""

    audit_id: int
    occurred_at: datetime
    event: str
    outcome: str
    caller: str
    actor_type: str | None = None
    actor_id: str | None = None
    network: str | None = None
    request_id: str | None = None
    subject: str | None = None
    reason_code: str | None = None
    details: str | None = None


@dataclass(frozen=True, slots=True)
class ListedAuditRow:
    """A row in a list. `seal_seq` is the number of its seal, None before it is sealed."""

    row: AuditRow
    seal_seq: int | None


def decode_list_audit(query: str) -> ListAuditQuery:
    """The query of `GET audit`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    parameters = decode_query(query, _KNOWN)
    equals = {name: read_filled_text(parameters, name) for name in _EQUALS if name in parameters}
    position = read_position(parameters)
    return ListAuditQuery(
        filter=AuditFilter(**equals, since=_read_instant(parameters, "from"), until=_read_instant(parameters, "to")),
        limit=read_limit(parameters, MAX_LIMIT) or DEFAULT_LIMIT,
        cursor=None if position is None else _decode_position(position),
        format=_read_format(parameters),
    )


def encode_audit(rows: Sequence[ListedAuditRow], next_cursor: AuditCursor | None) -> bytes:
    """A page as one JSON object. It has `next_cursor` only if more rows may follow."""
    answer: dict[str, object] = {"events": [_shown(row) for row in rows]}
    if next_cursor is not None:
        answer["next_cursor"] = encode_audit_cursor(next_cursor)
    return encode(answer)


def encode_audit_lines(rows: Sequence[ListedAuditRow]) -> bytes:
    """A page as JSON lines (https://jsonlines.org): each row is an object and a line end."""
    return b"".join(encode(_shown(row)) + b"\n" for row in rows)


def encode_audit_cursor(cursor: AuditCursor) -> str:
    """The cursor as opaque text for clients."""
    return encode_position(f"{(cursor.occurred_at - _EPOCH) // _MICROSECOND}.{cursor.audit_id}")


def encode_next_link(query: str, next_cursor: AuditCursor) -> str:
    """The value of `Link` (RFC 8288) for the next page: this query with another cursor, relative to the path."""
    parameters = {**decode_query(query, _KNOWN), "cursor": encode_audit_cursor(next_cursor)}
    return f'<?{urlencode(parameters, quote_via=quote)}>; rel="next"'


def _shown(listed: ListedAuditRow) -> dict[str, object]:
    row = listed.row
    actor = {"type": row.actor_type, "id": row.actor_id}
    optional: dict[str, object] = {
        "actor": {name: value for name, value in actor.items() if value is not None} or None,
        "network": row.network,
        "request_id": row.request_id,
        "subject": row.subject,
        "reason_code": row.reason_code,
        "details": None if row.details is None else json.loads(row.details),
    }
    return {
        "audit_id": row.audit_id,
        "occurred_at": encode_instant(row.occurred_at),
        "event": row.event,
        "outcome": row.outcome,
        "caller": row.caller,
        **{name: value for name, value in optional.items() if value is not None},
        "seal_seq": listed.seal_seq,
    }


def _read_instant(parameters: Fields, name: str) -> datetime | None:
    return decode_instant(read_text(parameters, name), name) if name in parameters else None


def _read_format(parameters: Fields) -> AuditFormat | None:
    if "format" not in parameters:
        return None
    match read_text(parameters, "format"):
        case "json":
            return "json"
        case "jsonl":
            return "jsonl"
        case _:
            raise invalid("format must be json or jsonl")


def _decode_position(position: str) -> AuditCursor:
    match = _POSITION.fullmatch(position)
    if match is None or int(match[2]) > _MAX_AUDIT_ID:
        raise invalid_cursor()
    try:
        return AuditCursor(_EPOCH + int(match[1]) * _MICROSECOND, int(match[2]))
    except OverflowError:
        raise invalid_cursor() from None
