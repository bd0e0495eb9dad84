"""A value in every spelling that a dump, a log or a packet may give it."""

import base64


def spellings(value: bytes) -> list[bytes]:
    """The value as it may stand in a text: raw, in hex, and in base64 at each of its three offsets."""
    found = [value, value.hex().encode(), value.hex().upper().encode()]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        found += [encode(bytes(offset) + value)[4 * (offset > 0) : -4] for offset in range(3)]
    return found


def found_in(places: dict[str, bytes], values: list[bytes]) -> list[str]:
    return [
        place for place, text in places.items() if any(each in text for value in values for each in spellings(value))
    ]
