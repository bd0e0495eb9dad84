"""Instants on the wire: RFC 3339 in UTC, whole seconds, `Z` (SPEC §4.1), such as `2026-04-05T12:00:00Z`."""

import re
from datetime import UTC, datetime

from contracts.strict_json import invalid

_INSTANT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")


def encode_instant(instant: datetime) -> str:
    """The instant, truncated to whole seconds. Raises `ValueError` for a datetime without a time zone."""
    if instant.tzinfo is None:
        raise ValueError("an instant has a time zone")
    return instant.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def decode_instant(text: str, path: str) -> datetime:
    """The aware UTC datetime of a text in exactly that form. Raises `Refusal(INVALID_REQUEST)`, which names `path`."""
    match = _INSTANT.fullmatch(text)
    try:
        if match:
            return datetime(*map(int, match.groups()), tzinfo=UTC)
    except ValueError:  # the calendar does not have it, such as month 13 or second 60
        pass
    raise invalid(f"{path} must be an instant like 2026-04-05T12:00:00Z")
