"""The stream of session events in the form in which Redis answers: positions, entries and ends. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from contracts.gateway import GatewayRecord, MalformedRecord, decode_stream_entry


class Position(NamedTuple):
    """The id of an entry. Ids grow; both numbers count in a comparison."""

    milliseconds: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"

    @classmethod
    def parse(cls, text: bytes) -> "Position":
        milliseconds, _, sequence = text.partition(b"-")
        return cls(int(milliseconds), int(sequence))


START = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Ends:
    """The id of the oldest entry that is left, None if none is, and the newest id that the stream ever had."""

    first: Position | None
    last: Position
    is_whole: bool = False
    """No entry was ever removed. Only Redis 7 and later can tell."""

    def hides_something_after(self, position: Position) -> bool:
        """Whether entries after `position` may have been trimmed unread.

        That is so if entries came after it and its own entry is gone. It is also True if only its own entry was
        trimmed, because Redis does not tell these cases apart.
        """
        if self.last <= position or (position == START and self.is_whole):
            return False
        return self.first is None or self.first > position


NOTHING = Ends(None, START)
"""A stream that does not exist."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The entries of one read. `position` is the last entry's; `unreadable` counts malformed entries."""

    position: Position
    records: Sequence[GatewayRecord]
    unreadable: int
    size: int


def decode_ends(answer: list[Any]) -> Ends:
    """Decodes the answer to XINFO STREAM."""
    fields = dict(zip(answer[::2], answer[1::2], strict=True))
    first = fields[b"first-entry"]
    return Ends(
        None if first is None else Position.parse(first[0]),
        Position.parse(fields[b"last-generated-id"]),
        is_whole=fields.get(b"length") == fields.get(b"entries-added", -1),
    )


def decode_batch(answer: list[Any] | None) -> Batch | None:
    """Decodes the answer to XREAD of one stream. None if it has no entry."""
    if not answer:
        return None
    entries: list[list[Any]] = answer[0][1]
    records = [record for _, flat in entries if (record := _record(flat)) is not None]
    return Batch(Position.parse(entries[-1][0]), records, len(entries) - len(records), len(entries))


def _record(flat: list[bytes]) -> GatewayRecord | None:
    texts = [text.decode(errors="replace") for text in flat or ()]
    try:
        return decode_stream_entry(dict(zip(texts[::2], texts[1::2], strict=True)))
    except MalformedRecord:
        return None
