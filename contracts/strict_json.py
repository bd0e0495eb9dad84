"""Strict reading of request bodies (SPEC §2.1). A malformed body raises `Refusal` and nothing else.

It is stricter than `json.loads`: it refuses duplicate names, NaN, infinity, a byte order mark, lone surrogates, and
any encoding but UTF-8.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import NoReturn, TypeAlias, cast

from contracts.encoding import encode
from contracts.errors import ErrorCode, Refusal

__all__ = [
    "Fields",
    "check_names",
    "decode_object",
    "encode",
    "invalid",
    "known_fields",
    "read_count",
    "read_filled_text",
    "read_list",
    "read_object",
    "read_optional_text",
    "read_text",
    "read_whole_number",
    "trimmed",
]

Fields: TypeAlias = dict[str, object]
"""A decoded JSON object. Its names are unique; its values may have any JSON type until a reader checks them."""

# Unicode's White_Space property (PropList.txt). Not `str.isspace`, which also counts U+001C to U+001F.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

_PRINTABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


def invalid(message: str) -> Refusal:
    """The refusal `invalid_request` with a message that names the field."""
    return Refusal(ErrorCode.INVALID_REQUEST, message)


def decode_object(body: bytes) -> Fields:
    """The JSON object (RFC 8259) in the body. Its values are not yet checked."""
    try:
        value = cast("object", _DECODER.decode(body.decode("utf-8")))
    except (ValueError, RecursionError):  # bad UTF-8, bad JSON, an integer of thousands of digits; nested too deep
        raise invalid("body is empty" if not body.strip() else "body is not valid JSON") from None
    if not isinstance(value, dict):
        raise invalid("body must be a JSON object")
    return cast("Fields", value)


def check_names(fields: Fields, known: frozenset[str], *, within: str = "") -> None:
    """Refuses an object with a name outside `known`. `within` is the path of the object, such as `actor.`."""
    for name in fields.keys() - known:
        raise invalid(_naming("unknown field", name, within))


def known_fields(fields: Fields, known: frozenset[str], *, within: str = "") -> Fields:
    """The fields whose value is not `null`: typed clients write `null` for an absent optional field.

    Refuses unknown names as `check_names` does.
    """
    check_names(fields, known, within=within)
    return {name: value for name, value in fields.items() if value is not None}


def read_text(fields: Fields, name: str, *, within: str = "") -> str:
    """The string field `name`, without surrounding white space. It may be empty. Refuses an absent field."""
    if name not in fields:
        raise invalid(f"{within}{name} is required")
    return trimmed(fields[name], f"{within}{name}")


def read_optional_text(fields: Fields, name: str, *, within: str = "") -> str | None:
    """The string field `name`, read as `read_text` does; None if it is absent."""
    return read_text(fields, name, within=within) if name in fields else None


def read_filled_text(fields: Fields, name: str) -> str:
    """The string field `name`, read as `read_text` does. Refuses an empty one."""
    text = read_text(fields, name)
    if not text:
        raise invalid(f"{name} must not be empty")
    return text


def read_object(fields: Fields, name: str) -> Fields:
    """The object field `name`. Refuses an absent field."""
    if name not in fields:
        raise invalid(f"{name} is required")
    value = fields[name]
    if not isinstance(value, dict):
        raise invalid(f"{name} must be an object")
    return cast("Fields", value)


def read_list(fields: Fields, name: str, most: int, *, within: str = "") -> list[object]:
    """The list field `name`, of at most `most` items; an absent one is empty. The items are not yet checked."""
    value = fields.get(name, [])
    if not isinstance(value, list) or len(cast("list[object]", value)) > most:
        raise invalid(f"{within}{name} must be a list of at most {most} items")
    return cast("list[object]", value)


def read_flag(fields: Fields, name: str, *, within: str = "") -> bool:
    """The field `name`, true or false; an absent one is false."""
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise invalid(f"{within}{name} must be true or false")
    return value


def read_whole_number(
    fields: Fields, name: str, least: int, most: int, default: int | None = None, *, within: str = ""
) -> int:
    """The integer field `name`, `least` to `most`. Refuses an absent field if there is no default."""
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise invalid(f"{within}{name} must be a whole number from {least} to {most}")
    return value


def read_count(fields: Fields, name: str, *, within: str = "") -> int:
    """The integer field `name`, 0 to 2^53-1, which every JSON reader holds exactly (RFC 8259 §6)."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
        raise invalid(f"{within}{name} must be a whole number")
    return value


def trimmed(value: object, path: str) -> str:
    """The string without surrounding white space. Refuses NUL and lone surrogates, which Postgres rejects."""
    if not isinstance(value, str):
        raise invalid(f"{path} must be a string")
    if "\0" in value:
        raise invalid(f"{path} must not contain NUL")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise invalid(f"{path} must not contain a lone surrogate")
    return value.strip(WHITE_SPACE)


def _unique_names(pairs: list[tuple[str, object]]) -> Fields:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise invalid(_naming("duplicate field", _first_repeated(name for name, _ in pairs)))
    return fields


def _first_repeated(names: Iterable[str]) -> str:
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))


def _naming(problem: str, name: str, within: str = "") -> str:
    """The problem, with the field's name if that is short and plain. The name is text of the client."""
    return f"{problem} {within}{name}" if _PRINTABLE_NAME.fullmatch(name) else problem


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise invalid("numbers must be finite")
    return number


def _refuse_constant(_text: str) -> NoReturn:
    raise invalid("numbers must be finite")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_names, parse_float=_finite, parse_constant=_refuse_constant)
