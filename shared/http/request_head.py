"""The head of a request, read strictly (RFC 9112 §2 to §6). One parser for every route, linear in its bytes.

Two parsers could read a doubtful message differently, and a proxy in front of us is the other one. So whatever is
doubtful is refused: bare LF, folded fields, control characters, two lengths, a length beside chunks, a Host that names
no host. Why: docs/decisions/0042-the-wire.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_HEAD_BYTES = 16 * 1024
"""With the blank line that ends it."""
MAX_FIELDS = 100
_MAX_LENGTH_DIGITS = 18

_TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VISIBLE_BYTES = bytes(range(0x21, 0x7F))
_FIELD_BYTES = b"\t " + _VISIBLE_BYTES + bytes(range(0x80, 0x100))
_HEAD_BYTES = b"\r\n" + _FIELD_BYTES
_JUDGED = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"})
_VERSIONS = {b"HTTP/1.1": "1.1", b"HTTP/1.0": "1.0"}
_SCHEMES = (b"http", b"https")
# RFC 9110 §7.2: host and port. One class, one run each, so there is nothing to try twice.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]{0,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")

Field = tuple[bytes, bytes]


class BadRequest(Exception):
    """The message cannot be trusted; after the refusal the connection ends."""


class HeadTooLarge(BadRequest):
    """More bytes or fields than a head may have."""


@dataclass(frozen=True, slots=True)
class Head:
    """One request without its body. `path` is still percent-encoded and begins with a slash, or is `*`.

    `fields` have their names in lower case. `length` is that of the body; None for a body in chunks.
    """

    method: str
    path: bytes
    query: bytes
    version: str
    fields: list[Field]
    length: int | None
    is_last: bool
    expects_continue: bool


def find_end(data: bytearray, start: int) -> int:
    """Where the blank line begins that ends the head; -1 while it is not there. Bytes before `start` were looked at.

    Raises `BadRequest` as soon as no later byte can make the head good.
    """
    if data[:1] <= b" " and data.removeprefix(b"\r"):
        raise BadRequest
    end = data.find(b"\r\n\r\n", max(0, start - 3), MAX_HEAD_BYTES)
    if end < 0 and len(data) >= MAX_HEAD_BYTES:
        raise HeadTooLarge
    if end < 0 and data.count(b"\n", start) != data.count(b"\r\n", max(0, start - 1)):
        raise BadRequest
    return end


def parse_head(data: bytes) -> Head:
    """Read a head, given without the blank line that ends it. Raises `BadRequest`."""
    lines = data.split(b"\r\n")
    breaks = len(lines) - 1
    if breaks > MAX_FIELDS:
        raise HeadTooLarge
    if data.translate(None, _HEAD_BYTES) or data.count(b"\n") != breaks or data.count(b"\r") != breaks:
        raise BadRequest
    method, target, version = _request_line(lines[0])
    fields = parse_fields(lines[1:])
    path, query, authority = _parts(method, target)
    judged: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        if name in _JUDGED:
            judged.setdefault(name, []).append(value)
    _check_hosts(judged.get(b"host", []), version)
    if authority is not None:
        fields = [(name, authority if name == b"host" else value) for name, value in fields]
    length = body_length(judged.get(b"content-length", []), judged.get(b"transfer-encoding", []), version)
    is_last = version == "1.0" or says_close(judged.get(b"connection", []))
    expects_continue = version == "1.1" and [each.lower() for each in judged.get(b"expect", [])] == [b"100-continue"]
    return Head(method, path, query, version, fields, length, is_last, expects_continue)


def parse_fields(lines: Iterable[bytes]) -> list[Field]:
    """Read field lines whose bytes were checked; names in lower case. Raises `BadRequest`."""
    fields: list[Field] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name.translate(None, _TOKEN_BYTES):
            raise BadRequest
        fields.append((name.lower(), value.strip(b" \t")))
    return fields


def body_length(lengths: list[bytes], codings: list[bytes], version: str) -> int | None:
    """Of the body, by RFC 9112 §6; None: it comes in chunks. Raises `BadRequest`.

    A length beside chunks, or two of either, could be a smuggled message.
    """
    if len(lengths) + len(codings) > 1:
        raise BadRequest
    if codings:
        if codings[0].lower() != b"chunked" or version == "1.0":
            raise BadRequest
        return None
    if not lengths:
        return 0
    if not lengths[0].isdigit() or len(lengths[0]) > _MAX_LENGTH_DIGITS:
        raise BadRequest
    return int(lengths[0])


def says_close(values: list[bytes]) -> bool:
    """Whether one of the `Connection` fields ends the connection after this message."""
    return any(option.strip(b" \t").lower() == b"close" for value in values for option in value.split(b","))


def is_field_text(line: bytes) -> bool:
    """Whether a line has only bytes that a field line may have (RFC 9110 §5.5)."""
    return not line.translate(None, _FIELD_BYTES)


def _request_line(line: bytes) -> tuple[str, bytes, str]:
    method, _, rest = line.partition(b" ")
    target, _, version = rest.partition(b" ")
    # No method of ours has small letters, and the router would take `get` for GET (RFC 9110 §9.1: they differ).
    is_sound = method and target and method == method.upper() and not method.translate(None, _TOKEN_BYTES)
    if not is_sound or target.translate(None, _VISIBLE_BYTES) or version not in _VERSIONS:
        raise BadRequest
    return method.decode("ascii"), target, _VERSIONS[version]


def _parts(method: str, target: bytes) -> tuple[bytes, bytes, bytes | None]:
    """Path, query, and the authority of an absolute target (RFC 9112 §3.2)."""
    if target == b"*":
        return target, b"", None
    authority = None
    if not target.startswith(b"/"):
        scheme, colon, rest = target.partition(b"://")
        if not colon or scheme.lower() not in _SCHEMES:
            raise BadRequest
        authority, target = _split_authority(rest, method)
    path, _, query = target.partition(b"?")
    return path, query, authority


def _split_authority(rest: bytes, method: str) -> tuple[bytes, bytes]:
    """The authority, and a target that begins with a slash. For OPTIONS an empty path is `*` (RFC 9112 §3.2.4)."""
    end = min(position for position in (rest.find(b"/"), rest.find(b"?"), len(rest)) if position >= 0)
    authority, target = rest[:end], rest[end:]
    if not authority or not _HOST.fullmatch(authority):
        raise BadRequest
    if target.startswith(b"/"):
        return authority, target
    return authority, b"*" if not target and method == "OPTIONS" else b"/" + target


def _check_hosts(hosts: list[bytes], version: str) -> None:
    """One Host, which HTTP/1.0 may leave out. An absolute target replaces it (RFC 9112 §3.2.2)."""
    if len(hosts) > 1 or (not hosts and version == "1.1") or (hosts and not _HOST.fullmatch(hosts[0])):
        raise BadRequest
