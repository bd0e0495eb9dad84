"""Pagination cursors: opaque, URL-safe text. Each list defines the position inside its own cursor.

A cursor needs no signature: it holds only values that the previous page has shown.
"""

import base64

from contracts.errors import Refusal
from contracts.strict_json import Fields, invalid, read_text


def encode_position(position: str) -> str:
    """The cursor of a position: unpadded base64url (RFC 4648 §5)."""
    return base64.urlsafe_b64encode(position.encode()).rstrip(b"=").decode()


def read_position(parameters: Fields) -> str | None:
    """The position in the parameter `cursor`; None without one. Refuses text that `encode_position` never writes."""
    if "cursor" not in parameters:
        return None
    text = read_text(parameters, "cursor")
    try:
        position = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:  # binascii.Error and UnicodeDecodeError are
        raise invalid_cursor() from None
    if not position or "\0" in position or encode_position(position) != text:  # one spelling only
        raise invalid_cursor()
    return position


def invalid_cursor() -> Refusal:
    """The refusal of a cursor that no page returned."""
    return invalid("cursor is not valid")
