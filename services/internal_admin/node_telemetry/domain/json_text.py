"""Reads JSON (RFC 8259) in slices, strictly, without making values of it.

`json.loads` of 4 MiB holds the process for 40 ms, and for half a second if the text is hostile, because it makes an
object of every pair of brackets. This reader only checks the text and keeps the ends of values. Its work is linear and
pauses every few hundred tokens.
"""

import json
import re
from typing import cast

from services.internal_admin.node_telemetry.domain.body import BadData, Parts, TooLarge, Work

MAX_DEPTH = 100
MAX_TOKENS = 400_000
"""Maximum number of containers, with the last scalar of each, which bounds the time. 4 MiB of OTLP have fewer."""
_TOKENS_A_SLICE = 256
_CLOSING = {"[": "]", "{": "}"}

_WS = r"[ \t\n\r]*+"
_PLAIN = r'[^"\\\x00-\x1f]*+'
_TEXT = rf'{_PLAIN}(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{{4}}){_PLAIN}){{0,512}}+'
"""The inside of a string; only its beginning if the string has very many escapes."""
_STRING = f'"{_TEXT}"'
_SCALAR = rf"(?:{_STRING}|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null)"

_VALUE = re.compile(rf"{_WS}(?:{_SCALAR}|([\[{{]))")
_QUOTE = re.compile(rf'{_WS}"')
_PART_OF_STRING = re.compile(_TEXT)
_AFTER = re.compile(rf"{_WS}([,\]}}])")
_EMPTY = re.compile(rf"{_WS}([\]}}])")
_NAME = re.compile(rf"{_WS}({_STRING}){_WS}:")
_NULL = re.compile(rf"{_WS}null")
_OPENING = re.compile(rf"{_WS}([\[{{])")
_END = re.compile(_WS)
_SCALARS = re.compile(rf"(?:{_WS}{_SCALAR}{_WS},){{0,64}}+")
_MEMBERS = re.compile(rf"(?:{_WS}{_STRING}{_WS}:{_WS}{_SCALAR}{_WS},){{0,64}}+")
"""Elements and members that are no containers, many at a time, each with the comma after it."""


class JsonText:
    """A position in a text. Each method reads on from it, and raises `BadData` where the text is not JSON."""

    def __init__(self, text: str, parts: Parts) -> None:
        self._text = text
        self._parts = parts
        self._at = 0
        self._is_first = True
        self._tokens = 0

    def enter(self, bracket: str) -> bool:
        """Read the opening bracket of a container. False for `null`, which is read in its place."""
        null = _NULL.match(self._text, self._at)
        if null is not None:
            self._at = null.end()
            return False
        if self._take(_OPENING)[1] != bracket:
            raise BadData("body is not OTLP: an array or an object is missing")
        self._is_first = True
        return True

    def next_name(self) -> str | None:
        """Read the name of the next member; None at the end of the object."""
        return decode_string(self._take(_NAME)[1]) if self._goes_on("}") else None

    def next_element(self) -> bool:
        """Read on to the next element of an array. False at its end."""
        return self._goes_on("]")

    def skip(self) -> Work[str]:
        """Read a value of any kind, and return its text."""
        begin, open_brackets = self._at, list[str]()
        while True:
            self._tokens += 1
            if self._tokens > MAX_TOKENS:
                raise TooLarge("body has too many JSON objects and arrays")
            if self._tokens % _TOKENS_A_SLICE == 0:
                yield
            match = _VALUE.match(self._text, self._at)
            if match is None:
                yield from self._skip_long_string()
            else:
                self._at = match.end()
                if match[1] and self._opens(open_brackets, match[1]):
                    continue
            if not self._goes_on_inside(open_brackets):
                return self._text[begin : self._at]

    def end(self) -> None:
        """Read to the end of the text. Only white space may follow."""
        self._take(_END)
        if self._at != len(self._text):
            raise _not_json()

    def _skip_long_string(self) -> Work[None]:
        """Read a string with more escapes than `_STRING` takes."""
        self._take(_QUOTE)
        while not self._text.startswith('"', self._at):
            if not self._take(_PART_OF_STRING)[0]:
                raise _not_json()
            yield
        self._at += 1

    def _opens(self, open_brackets: list[str], bracket: str) -> bool:
        """Go on inside a container. False if it is empty, and so read to its end."""
        if self._is_end(_EMPTY, _CLOSING[bracket]):
            return False
        if len(open_brackets) == MAX_DEPTH:
            raise BadData(f"body is nested more than {MAX_DEPTH} deep")
        open_brackets.append(bracket)
        self._skip_scalars(bracket)
        return True

    def _goes_on_inside(self, open_brackets: list[str]) -> bool:
        """Read what follows a value. False after the end of the outermost container."""
        while open_brackets:
            if not self._is_end(_AFTER, _CLOSING[open_brackets[-1]]):
                self._take(_AFTER)
                self._skip_scalars(open_brackets[-1])
                return True
            open_brackets.pop()
        return False

    def _skip_scalars(self, bracket: str) -> None:
        """Read on, past members that are a scalar and a comma, to the begin of a value."""
        if bracket == "[":
            self._take(_SCALARS)
        else:
            self._take(_MEMBERS)
            self._take(_NAME)

    def _goes_on(self, closing: str) -> bool:
        self._parts.count()
        is_end = self._is_end(_EMPTY if self._is_first else _AFTER, closing)
        if not is_end and not self._is_first:
            self._take(_AFTER)
        self._is_first = False
        return not is_end

    def _is_end(self, pattern: re.Pattern[str], closing: str) -> bool:
        """Whether the container ends here. Its end is then read."""
        match = pattern.match(self._text, self._at)
        if match is None or match[1] == ",":
            return False
        if match[1] != closing:
            raise _not_json()
        self._at = match.end()
        return True

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _not_json()
        self._at = match.end()
        return match


def decode_string(text: str) -> str:
    """The string whose JSON text this is."""
    return cast("str", json.loads(text)) if "\\" in text else text[1:-1]


def _not_json() -> BadData:
    return BadData("body is not valid JSON")
