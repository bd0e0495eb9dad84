"""Writes letters by mould: the same bytes as `write_letter`, at a hundredth of its cost.

The library writes one letter for each language and minute, with stand-ins; where they stand, a mould has gaps for the
address, code, delivery id and date of another letter. A mould is used only if it gave the library's bytes for a second
letter; a wording for which none does, such as one whose code ends up in an odd place, goes the long way.
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
"""Languages times the minutes that a code may have left, and some."""

_ENCODED_WORD = rb"=\?utf-8\?b\?(?P<encoded>[A-Za-z0-9+/=]+)\?="
_SOFT_BREAK = rb"(?:=\r\n)?"

_log = logging.getLogger("authsession.mail.moulds")


class _Values(NamedTuple):
    """What letters differ in, as their bytes have it."""

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
        """The same bytes as `write_letter` gives."""
        tag, _ = self._stationery.design.wording(letter.locale)
        key = (tag, shown_minutes(letter.valid_for))
        if key not in self._moulds:
            self._keep(key, _mould(replace(letter, locale=tag), self._stationery))
        mould = self._moulds[key]
        return write_letter(letter, self._stationery) if mould is None else mould.letter(_values(letter))

    def _keep(self, key: tuple[str, int], mould: _Mould | None) -> None:
        if mould is None:
            _log.warning("letters in this language are written slowly: no mould fits", extra={"locale": key[0]})
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


# The digits of a code are all different, so that each gap tells which of them it holds; no two letters share a digit
# in one place, nor a value.
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
    """None if no stand-in can be told from the rest of the letter."""
    letters = [replace(each, locale=pattern.locale, valid_for=pattern.valid_for) for each in _STAND_INS]
    for one, other in pairwise(letters):
        mould = _Mould(tuple(_pieces(write_letter(one, stationery), _values(one))))
        if mould.letter(_values(other)) == write_letter(other, stationery):
            return mould
    return None


def _pieces(written: bytes, stand_in: _Values) -> list[bytes | _Gap]:
    """The letter, cut where a stand-in stands."""
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
    """A soft line break may part the code: where, depends on nothing but the lengths around it."""
    if written == stand_in:
        return lambda values: values.code
    head, _, _ = written.partition(b"=\r\n")
    at = len(head)
    return lambda values: values.code[:at] + b"=\r\n" + values.code[at:]


def _encoded_gap(encoded: bytes, stand_in: bytes) -> _Gap | None:
    """An encoded word of the subject (RFC 2047) is encoded anew if the code is in it."""
    try:
        before, found, after = base64.b64decode(encoded, validate=True).partition(stand_in)
    except binascii.Error:
        return None
    if not found:
        return None
    return lambda values: b"=?utf-8?b?" + base64.b64encode(before + values.code + after) + b"?="
