"""Domain: a row of the audit trail as it is stored, and the bytes that its seal covers (SPEC §10.8)."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NULL = struct.pack(">q", -1)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Every column, in the order of the table. `details` is JSON as Postgres writes a `jsonb`."""

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


def canonical_form(row: AuditRow) -> bytes:
    """Each column as its length (8 bytes, big-endian) and its text in UTF-8, NULL as the length -1: injective.

    The instant is microseconds since 1970. Sealed rows were sealed over these bytes: the form never changes, a column
    that is added needs a second one.
    """
    microseconds = (row.occurred_at - _EPOCH) // _MICROSECOND
    columns = (
        str(row.audit_id), str(microseconds), row.event, row.outcome, row.caller, row.actor_type, row.actor_id,
        row.network, row.request_id, row.subject, row.reason_code, row.details,
    )  # fmt: skip
    return b"".join(map(_column, columns))


def _column(text: str | None) -> bytes:
    if text is None:
        return _NULL
    encoded = text.encode()
    return struct.pack(">q", len(encoded)) + encoded
