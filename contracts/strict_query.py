"""Strict reading of query strings: refuses unknown and repeated parameters (SPEC §2.1, applied to `GET`)."""

import re
from typing import Final
from urllib.parse import parse_qsl

from contracts.strict_json import Fields, invalid, known_fields, read_text

MAX_LIMIT: Final = 1000

_LIMIT = re.compile(r"[1-9][0-9]{0,3}")


def decode_query(query: str, known: frozenset[str]) -> Fields:
    """The parameters of a query string (without `?`), percent-decoded as UTF-8.

    A plus sign stays a plus sign (RFC 3986), as in `?email=pilot+test@example.com`.
    """
    if not query:
        return {}
    try:
        pairs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise invalid("query is not valid") from None
    parameters: Fields = dict(pairs)
    if len(parameters) != len(pairs):
        raise invalid("a query parameter is repeated")
    return known_fields(parameters, known)


def read_limit(parameters: Fields, most: int = MAX_LIMIT) -> int | None:
    """The largest number of rows in a page, 1 to `most`; None if the query does not name one."""
    if "limit" not in parameters:
        return None
    text = read_text(parameters, "limit")
    if not _LIMIT.fullmatch(text) or int(text) > most:
        raise invalid(f"limit must be a whole number from 1 to {most}")
    return int(text)
