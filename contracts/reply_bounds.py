"""Which bytes of Redis a parser gets to see, and when. Services and gateways both put this before hiredis.

hiredis makes room for an announced array before it has arrived, which stalls Python's garbage collector. It searches a
line from its beginning with each piece that arrives. It knows no largest answer.
"""

import re

MAX_ANSWER_BYTES = 32 * 1024 * 1024
_LARGE_ARRAY = re.compile(rb"\r\n[*%~>|][0-9]{7}")
"""A head begins a line, as no value of ours does. Elsewhere it is text: a user id may be `user~20261128`."""
_HEAD_BYTES = len(b"\r\n*999999")


class Unbounded(Exception):
    """An answer larger than any that we ask for."""


class ReplyBounds:
    """Of one connection."""

    def __init__(self) -> None:
        self._tail = b"\r\n"
        self._held = bytearray()
        self._is_within_line = False
        self._answer = 0

    def admit(self, chunk: bytes) -> bytes:
        """What the parser may see now: a line that has begun waits for its end. Raises `Unbounded`."""
        seen = self._tail + chunk
        self._answer += len(chunk)
        if self._answer > MAX_ANSWER_BYTES or _LARGE_ARRAY.search(seen):
            raise Unbounded
        ends_line = seen.find(b"\r\n", len(self._tail) - 1) >= 0
        self._tail = seen[-_HEAD_BYTES:]
        self._held += chunk
        if self._is_within_line and not ends_line:
            return b""
        self._is_within_line = not seen.endswith(b"\r\n")
        admitted = bytes(self._held)
        self._held.clear()
        return admitted

    def note_answer(self) -> None:
        """An answer ended; what follows belongs to the next."""
        self._answer = 0
