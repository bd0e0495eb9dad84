"""Bounds the replies of Redis before hiredis parses them, in services and gateways.

hiredis has three weaknesses. It allocates an announced array before the array has arrived, which stalls Python's
garbage collector. It searches a line from the start with each chunk that arrives. It has no largest reply.
"""

import re

MAX_ANSWER_BYTES = 32 * 1024 * 1024
_LARGE_ARRAY = re.compile(rb"\r\n[*%~>|][0-9]{7}")
"""The head of an array with seven digits or more. It starts a line, which no value of ours does.

Elsewhere such text is a value: a user id may be `user~20261128`.
"""
_HEAD_BYTES = len(b"\r\n*999999")


class Unbounded(Exception):
    """A reply that is larger than any we ask for."""


class ReplyBounds:
    """The bounds of one connection."""

    def __init__(self) -> None:
        self._tail = b"\r\n"
        self._held = bytearray()
        self._is_within_line = False
        self._answer = 0

    def admit(self, chunk: bytes) -> bytes:
        """The bytes that the parser may see now. An incomplete line is held back. Raises `Unbounded`."""
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
        """Marks the end of a reply: the next byte belongs to the next reply."""
        self._answer = 0
