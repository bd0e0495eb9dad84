"""Kernel: text that may stand in a header of a letter or in a line of a terminal."""

import unicodedata

_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})


def is_one_line(text: str) -> bool:
    """Whether it has no control character, line or paragraph separator, and no lone surrogate."""
    return (text.isascii() and text.isprintable()) or not any(unicodedata.category(each) in _BREAKING for each in text)


def parse_product_name(text: str) -> str:
    """1 to 64 characters of one line. Raises `ValueError` with what it must be."""
    name = text.strip()
    if not (1 <= len(name) <= 64 and is_one_line(name)):
        raise ValueError("a name of 1 to 64 characters, without line breaks")
    return name
