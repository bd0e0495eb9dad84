"""Text that may stand in a header of a mail or in a line of a terminal."""

import unicodedata

_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})


def is_one_line(text: str) -> bool:
    """Whether the text has no control character, no line or paragraph separator, and no lone surrogate."""
    return (text.isascii() and text.isprintable()) or not any(unicodedata.category(each) in _BREAKING for each in text)


def parse_product_name(text: str) -> str:
    """The trimmed name, 1 to 64 characters of one line. Raises `ValueError` that names the right form."""
    name = text.strip()
    if not (1 <= len(name) <= 64 and is_one_line(name)):
        raise ValueError("a name of 1 to 64 characters, without line breaks")
    return name
