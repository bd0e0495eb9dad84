"""Writes letters from moulds: the same bytes as `write_letter`, at a hundredth of its cost.

For each language and minute the library writes one letter with stand-ins. The mould has gaps in their places, for the
address, code, delivery id and date of any other letter. A mould is used only if it reproduces the library's bytes for
a second letter. For a wording without such a mould, `write_letter` writes every letter.
"""

import base64
import binascii
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from services.public_auth.mail.letters import Stationery, shown_minutes, write_letter
from services.public_auth.mail.transport import Letter
from shared.io.smtp import mailbox

MAX_MOULDS = 128
"""More than the number of languages times the minutes of a code's life."""

_ENCODED_WORD = rb"=\?utf-8\?b\?(?P<encoded>[A-Za-z0-9+/=]+)\?="
_SOFT_BREAK = rb"(?:=\r\n)?"

_log = logging.getLogger("authsession.mail.moulds")


class _Values(NamedTuple):
    """The parts in which letters differ, as bytes."""

    recipient: bytes
    code: bytes
    delivery_id: bytes
    date: bytes


_Gap = Callable[[_Values], bytes]


@dataclass(frozen=True, slots=True)
class _Mould:
    pieces: tuple[bytes | _Gap, ...]

    def letter(self, values: _Values) -> bytes:
        return b"".join([piece if isinstance(piece, bytes) else piece(values) for piece in self.pieces])


class LetterWriter:
    """Writes the letters of one stationery. A mould is made with the first letter that needs it."""

    def __init__(self, stationery: Stationery) -> None:
        self._stationery = stationery
        self._moulds: dict[tuple[str, int], _Mould | None] = {}

    def write(self, letter: Letter) -> bytes:
        """The whole message, with the same bytes as `write_letter`."""
        tag, _ = self._stationery.design.wording(letter.locale)
        key = (tag, shown_minutes(letter.valid_for))
        if key not in self._moulds:
            self._keep(key, _mould(replace(letter, locale=tag), self._stationery))
        mould = self._moulds[key]
        return write_letter(letter, self._stationery) if mould is None else mould.letter(_values(letter))

    def _keep(self, key: tuple[str, int], mould: _Mould | None) -> None:
        if mould is None:
            _log.warning("no mould fits: letters in this language are written slowly", extra={"locale": key[0]})
        if len(self._moulds) >= MAX_MOULDS:
            self._moulds.clear()
        self._moulds[key] = mould


def _values(letter: Letter) -> _Values:
    return _Values(
        recipient=mailbox(letter.email).encode("ascii"),
        code=letter.code.encode("ascii"),
        delivery_id=str(letter.delivery_id).encode("ascii"),
        date=format_datetime(letter.queued_at).encode("ascii"),
    )


# The digits of a code all differ, so that each gap shows which digits it holds. No two letters share a value, nor a
# digit in the same place.
_STAND_INS = tuple(
    Letter(
        delivery_id=UUID(number * 32),
        email=f"stand-in-{number}@recipient{number}.invalid",
        code=code,
        locale="",
        idempotency_key="",
        queued_at=datetime(2001, month, 11, 12, 13, 14, tzinfo=UTC),
        valid_for=timedelta(0),
    )
    for number, code, month in (("a", "081927", 3), ("b", "574362", 5), ("c", "630594", 8))
)


def _mould(pattern: Letter, stationery: Stationery) -> _Mould | None:
    """A mould that reproduces a second letter; None if no stand-in gives one."""
    letters = [replace(each, locale=pattern.locale, valid_for=pattern.valid_for) for each in _STAND_INS]
    for one, other in pairwise(letters):
        mould = _Mould(tuple(_pieces(write_letter(one, stationery), _values(one))))
        if mould.letter(_values(other)) == write_letter(other, stationery):
            return mould
    return None


def _pieces(written: bytes, stand_in: _Values) -> list[bytes | _Gap]:
    """The letter, cut at each stand-in."""
    code = _SOFT_BREAK.join(b"%c" % digit for digit in stand_in.code)
    places = {
        "recipient": re.escape(stand_in.recipient),
        "delivery_id": re.escape(stand_in.delivery_id),
        "date": re.escape(stand_in.date),
        "code": code,
    }
    pattern = b"|".join(b"(?P<%s>%s)" % (name.encode(), place) for name, place in places.items())
    pieces: list[bytes | _Gap] = []
    end = 0
    for match in re.finditer(pattern + b"|" + _ENCODED_WORD, written):
        gap = _gap(match, stand_in)
        if gap is not None:
            pieces += [written[end : match.start()], gap]
            end = match.end()
    return [*pieces, written[end:]]


def _gap(match: re.Match[bytes], stand_in: _Values) -> _Gap | None:
    match match.lastgroup:
        case "recipient":
            return lambda values: values.recipient
        case "delivery_id":
            return lambda values: values.delivery_id
        case "date":
            return lambda values: values.date
        case "code":
            return _code_gap(match["code"], stand_in.code)
        case _:
            return _encoded_gap(match["encoded"], stand_in.code)


def _code_gap(written: bytes, stand_in: bytes) -> _Gap:
    """The gap of a code. A soft line break may split the code; its place depends only on the lengths around it."""
    if written == stand_in:
        return lambda values: values.code
    head, _, _ = written.partition(b"=\r\n")
    at = len(head)
    return lambda values: values.code[:at] + b"=\r\n" + values.code[at:]


def _encoded_gap(encoded: bytes, stand_in: bytes) -> _Gap | None:
    """The gap of an encoded word of the subject (RFC 2047) that holds the code; None if it does not hold it."""
    try:
        before, found, after = base64.b64decode(encoded, validate=True).partition(stand_in)
    except binascii.Error:
        return None
    if not found:
        return None
    return lambda values: b"=?utf-8?b?" + base64.b64encode(before + values.code + after) + b"?="
