"""The bytes of an audit row that its seal covers (SPEC §10.8)."""

import struct
from datetime import UTC, datetime, timedelta

from contracts.control_plane.audit import AuditRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NULL = struct.pack(">q", -1)


def canonical_form(row: AuditRow) -> bytes:
    """Each column as its length (8 bytes, big-endian) and its text in UTF-8; NULL is the length -1. Injective.

    The instant is in microseconds since 1970. Stored seals cover these bytes, so the form never changes: a new column
    needs a second form.
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
