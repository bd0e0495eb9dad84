"""The strict parser of another server's answer. It runs in linear time and bounds every part.

h11 reads some answers in quadratic time, and bounds only heads that arrive in pieces. So httpx never sees the original
answer. It gets a copy with a status, a length and a body, and no other field: no cookie, no encoding, no redirect
(docs/decisions/0042-the-wire.md).
"""

from typing import Literal

from shared.http.request_body import Framing, framing_of
from shared.http.request_head import (
    MAX_FIELDS,
    MAX_HEAD_BYTES,
    BadRequest,
    Field,
    body_length,
    find_end,
    is_field_text,
    parse_fields,
    says_close,
)

MAX_BODY_BYTES = 64 * 1024
_MAX_BYTES = MAX_HEAD_BYTES + 2 * MAX_BODY_BYTES
"""The limit of an answer as it arrives, with heads, body, chunk sizes and trailers."""
_MAX_HEADS = 8
"""The limit of interim answers (1xx) and the final one together."""
_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0")
_SWITCHING_PROTOCOLS = 101
_FINAL = 200
_WITHOUT_BODY = (204, 304)


class Unacceptable(Exception):
    """The answer is malformed or too large. The caller reads nothing more from the connection."""

    def __init__(self, failure: Literal["malformed", "too_large"]) -> None:
        super().__init__(failure)
        self.failure: Literal["malformed", "too_large"] = failure


class AnswerReader:
    """Takes the bytes of one answer as they arrive, and returns the copy once the answer is whole."""

    def __init__(self) -> None:
        self._arrived = bytearray()
        self._looked_at = 0
        self._bytes = 0
        self._heads = 0
        self._status = 0
        self._framing: Framing | None = None
        self._body = bytearray()
        self._is_last = False

    @property
    def status(self) -> int | None:
        """The final status; None until it has arrived. It stays after `Unacceptable`."""
        return self._status if self._status >= _FINAL else None

    @property
    def body(self) -> bytes:
        """The body as far as it has arrived."""
        return bytes(self._body)

    def take(self, data: bytes) -> bytes | None:
        """The copy of the whole answer; None while bytes are missing. Raises `Unacceptable`."""
        self._bytes += len(data)
        self._arrived += data
        try:
            while self._framing is None:
                if not self._read_head():
                    return None
            self._body += self._framing.take(self._arrived)
        except BadRequest:
            raise Unacceptable("malformed") from None
        if len(self._body) > MAX_BODY_BYTES or self._bytes > _MAX_BYTES:
            raise Unacceptable("too_large")
        return self._copy() if self._framing.is_whole else None

    def end(self) -> bytes:
        """The copy after the connection has ended; empty unless this end is also the end of the body."""
        return self._copy() if isinstance(self._framing, _UntilTheEnd) else b""

    def _read_head(self) -> bool:
        """Read the next head. False if more bytes must arrive first."""
        end = find_end(self._arrived, self._looked_at)
        if end < 0:
            self._looked_at = len(self._arrived)
            return False
        lines = bytes(self._arrived[:end]).split(b"\r\n")
        del self._arrived[: end + 4]
        self._looked_at = 0
        self._heads += 1
        if self._heads > _MAX_HEADS or len(lines) > 1 + MAX_FIELDS or not all(map(is_field_text, lines)):
            raise BadRequest
        version, self._status = _status_line(lines[0])
        fields = parse_fields(lines[1:])
        if self._status == _SWITCHING_PROTOCOLS:
            raise BadRequest
        if self._status >= _FINAL:
            self._framing = self._framing_of(version, fields)
        return True

    def _framing_of(self, version: str, fields: list[Field]) -> Framing:
        if any(coding.lower() != b"identity" for coding in _values(fields, b"content-encoding")):
            raise BadRequest
        lengths, codings = _values(fields, b"content-length"), _values(fields, b"transfer-encoding")
        length = body_length(lengths, codings, version)
        self._is_last = version == "1.0" or says_close(_values(fields, b"connection"))
        if self._status in _WITHOUT_BODY:
            return framing_of(0)
        if not lengths and not codings:
            self._is_last = True
            return _UntilTheEnd()
        if length is not None and length > MAX_BODY_BYTES:
            raise Unacceptable("too_large")
        return framing_of(length)

    def _copy(self) -> bytes:
        """The copy. If bytes came after the answer it closes the connection: they would answer the next request."""
        close = b"connection: close\r\n" if self._is_last or self._arrived else b""
        return b"HTTP/1.1 %d \r\ncontent-length: %d\r\n%b\r\n%b" % (self._status, len(self._body), close, self._body)


class _UntilTheEnd:
    """A body that ends with its connection (RFC 9112 §6.3)."""

    is_whole = False

    def take(self, arrived: bytearray) -> bytes:
        content = bytes(arrived)
        arrived.clear()
        return content


def _status_line(line: bytes) -> tuple[str, int]:
    """Version and status. The reason phrase and the blank before it may be missing."""
    version, _, rest = line.partition(b" ")
    status = rest.partition(b" ")[0]
    if version not in _VERSIONS or len(status) != len(b"200") or not status.isdigit() or status < b"100":
        raise BadRequest
    return version.decode("ascii").removeprefix("HTTP/"), int(status)


def _values(fields: list[Field], name: bytes) -> list[bytes]:
    return [value for each, value in fields if each == name]
