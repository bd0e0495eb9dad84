"""The envelope of pagination cursors: opaque to clients, URL-safe. What is inside belongs to each list.

A cursor is not signed: it holds only values that the page before it has shown.
"""

import base64

from contracts.errors import Refusal
from contracts.strict_json import Fields, invalid, read_text


def encode_position(position: str) -> str:
    """Unpadded base64url (RFC 4648 §5) of a position in a list."""
    return base64.urlsafe_b64encode(position.encode()).rstrip(b"=").decode()


def read_position(parameters: Fields) -> str | None:
    """The position inside the parameter `cursor`, `None` without one; text that no cursor could be is refused."""
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
    """The refusal of a cursor that no page has given out."""
    return invalid("cursor is not valid")
