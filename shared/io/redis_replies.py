"""Readers of Redis' answers. A reader returns the answer with its type, or raises one of `MISSHAPEN`."""

import re
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

T = TypeVar("T")

Read: TypeAlias = Callable[[Any], T]
"""A reader: it converts a reply. `shared.io.redis` turns its `MISSHAPEN` into `DependencyUnavailable`."""

_ENTRY_ID = re.compile(rb"[0-9]{1,20}-[0-9]{1,20}")
_RUN_ID = re.compile(r"[!-~]{1,100}")

MISSHAPEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""The exceptions of code that expects another type or value."""


def nothing(reply: object) -> None:
    if reply is not None:
        raise TypeError


def pong(reply: object) -> None:
    if reply != b"PONG":
        raise ValueError


def done(reply: object) -> None:
    if reply != b"OK":
        raise ValueError


def text(reply: object) -> bytes:
    if not isinstance(reply, bytes):
        raise TypeError
    return reply


def text_or_none(reply: object) -> bytes | None:
    return None if reply is None else text(reply)


def number(reply: object) -> int:
    if type(reply) is not int:
        raise TypeError
    return reply


def array(reply: object) -> list[object]:
    if type(reply) is not list:
        raise TypeError
    return cast("list[object]", reply)


def array_of(read: Read[T], length: int | None = None) -> Read[list[T]]:
    """A reader of arrays whose items `read` converts. With `length`, the array must have exactly that many."""

    def read_array(reply: object) -> list[T]:
        items = array(reply)
        if length is not None and len(items) != length:
            raise ValueError
        return [read(item) for item in items]

    return read_array


def text_map(reply: object) -> dict[bytes, bytes]:
    texts = array_of(text)(reply)
    return dict(zip(texts[::2], texts[1::2], strict=True))


def information(reply: object) -> dict[str, str]:
    """The fields of INFO by name."""
    lines = text(reply).decode(errors="replace").splitlines()
    fields = (line.partition(":") for line in lines if not line.startswith("#"))
    return {name: value for name, separator, value in fields if separator}


def entries(reply: object) -> list[tuple[bytes, list[bytes]]]:
    """The entries of a stream: ids with alternating names and values."""
    found: list[tuple[bytes, list[bytes]]] = []
    for entry in array(reply):
        entry_id, flat = array(entry)
        if not _ENTRY_ID.fullmatch(text(entry_id)):
            raise ValueError
        found.append((text(entry_id), [] if flat is None else array_of(text)(flat)))
    return found


def run_id(reply: object) -> str:
    """The run_id of INFO, in printable ASCII: Postgres keeps it and accepts no NUL."""
    name = information(reply)["run_id"]
    if not _RUN_ID.fullmatch(name):
        raise ValueError
    return name


def page(reply: object) -> tuple[int, list[bytes]]:
    """The next cursor and the keys of an answer to SCAN."""
    cursor, keys = array(reply)
    return int(text(cursor)), array_of(text)(keys)


def key_patterns(reply: object) -> list[str]:
    """The patterns of keys in an answer to ACL GETUSER: one text with spaces, as since Redis 7."""
    if reply is None:
        return []
    fields = array(reply)
    return text(dict(zip(map(text, fields[::2]), fields[1::2], strict=True))[b"keys"]).decode(errors="replace").split()
