"""The end of a request's body, by its length or by chunks (RFC 9112 §6.2, §7.1)."""

import re
from typing import Protocol

from shared.http.request_head import BadRequest, is_field_text, parse_fields

_MAX_LINE_BYTES = 256
"""The limit of a line with a chunk's size and extensions, and of a trailer field. No real client needs more."""
_MAX_TRAILERS = 16
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")


class Framing(Protocol):
    """Separates one body from the bytes of a connection."""

    @property
    def is_whole(self) -> bool:
        """Whether all of the body was taken."""
        ...

    def take(self, arrived: bytearray) -> bytes:
        """Remove the bytes of the body from `arrived` and return their content. Raises `BadRequest`."""
        ...


def framing_of(length: int | None) -> Framing:
    """The framing of a body of `length` bytes, or of a body in chunks if `length` is None."""
    return Chunks() if length is None else Length(length)


class Length:
    """A body of known length."""

    def __init__(self, length: int) -> None:
        self._missing = length

    @property
    def is_whole(self) -> bool:
        return not self._missing

    def take(self, arrived: bytearray) -> bytes:
        """See `Framing.take`. Never raises."""
        content = bytes(arrived[: self._missing])
        del arrived[: len(content)]
        self._missing -= len(content)
        return content


class Chunks:
    """A body in chunks. Extensions and trailer fields are checked and dropped."""

    def __init__(self) -> None:
        self.is_whole = False
        self._missing = 0
        self._is_after_chunk = False
        self._trailers: int | None = None

    def take(self, arrived: bytearray) -> bytes:
        """See `Framing.take`."""
        content = bytearray()
        while not self.is_whole and self._advance(arrived, content):
            pass
        return bytes(content)

    def _advance(self, arrived: bytearray, content: bytearray) -> bool:
        """Read content of one chunk, or one line. False if more bytes must arrive first."""
        if self._missing:
            return self._take_content(arrived, content)
        line = _take_line(arrived)
        if line is None:
            return False
        if self._trailers is not None:
            self._read_trailer(line)
        elif self._is_after_chunk:
            self._is_after_chunk = False
            if line:
                raise BadRequest
        else:
            self._read_size(line)
        return True

    def _take_content(self, arrived: bytearray, content: bytearray) -> bool:
        part = arrived[: self._missing]
        del arrived[: len(part)]
        content += part
        self._missing -= len(part)
        self._is_after_chunk = not self._missing
        return bool(part)

    def _read_size(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line)
        if match is None:
            raise BadRequest
        self._missing = int(match[1], 16)
        if not self._missing:
            self._trailers = 0

    def _read_trailer(self, line: bytes) -> None:
        assert self._trailers is not None
        self._trailers += 1
        if self._trailers > _MAX_TRAILERS:
            raise BadRequest
        if line:
            parse_fields([line])
        else:
            self.is_whole = True


def _take_line(arrived: bytearray) -> bytes | None:
    """Take the next line without its end; None while the end is missing. Raises `BadRequest` if too long or no text."""
    end = arrived.find(b"\r\n", 0, _MAX_LINE_BYTES + 2)
    if end < 0:
        if len(arrived) > _MAX_LINE_BYTES + 1:
            raise BadRequest
        return None
    line = bytes(arrived[:end])
    if not is_field_text(line):
        raise BadRequest
    del arrived[: end + 2]
    return line
