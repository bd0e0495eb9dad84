"""The strict parser of a request's head (RFC 9112 §2 to §6), the same for every route.

A proxy in front of us has a parser too, and both could read a doubtful message differently. So every doubtful message
is refused: bare LF, folded fields, control characters, two lengths, a length beside chunks, a Host that names no host
(docs/decisions/0042-the-wire.md).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_HEAD_BYTES = 16 * 1024
"""The limit of a head, including the blank line at its end."""
MAX_FIELDS = 100
_MAX_LENGTH_DIGITS = 18

_TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VISIBLE_BYTES = bytes(range(0x21, 0x7F))
_FIELD_BYTES = b"\t " + _VISIBLE_BYTES + bytes(range(0x80, 0x100))
_HEAD_BYTES = b"\r\n" + _FIELD_BYTES
_JUDGED = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"})
_VERSIONS = {b"HTTP/1.1": "1.1", b"HTTP/1.0": "1.0"}
_SCHEMES = (b"http", b"https")
# RFC 9110 §7.2: host and port. Each part is one run of one class of characters, so that the match never backtracks.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]{0,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")

Field = tuple[bytes, bytes]


class BadRequest(Exception):
    """The message cannot be trusted. The connection ends after the refusal."""


class HeadTooLarge(BadRequest):
    """The head has more than `MAX_HEAD_BYTES` or `MAX_FIELDS`."""


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body. `path` begins with a slash and is still percent-encoded, or it is `*`.

    Names in `fields` are in lower case. `length` is the body's in bytes, or None for a body in chunks.
    `is_last` means that the connection ends after the answer.
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
    """The position of the line break before the blank line that ends the head; -1 while that has not arrived.

    An earlier call has searched the bytes before `start`. Raises `BadRequest` as soon as no later byte can make the
    head valid.
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
    """Parse a head without the blank line at its end. Raises `BadRequest`."""
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
    """Parse field lines, and put names in lower case. The caller has checked their bytes. Raises `BadRequest`."""
    fields: list[Field] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name.translate(None, _TOKEN_BYTES):
            raise BadRequest
        fields.append((name.lower(), value.strip(b" \t")))
    return fields


def body_length(lengths: list[bytes], codings: list[bytes], version: str) -> int | None:
    """The length of the body in bytes by RFC 9112 §6, or None for a body in chunks. Raises `BadRequest`.

    A length beside chunks, or two of either, is refused: it could smuggle a second request.
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
    """Whether a `Connection` field has the option `close`, which ends the connection after this message."""
    return any(option.strip(b" \t").lower() == b"close" for value in values for option in value.split(b","))


def is_field_text(line: bytes) -> bool:
    """Whether a line has only bytes that RFC 9110 §5.5 allows in a field line."""
    return not line.translate(None, _FIELD_BYTES)


def _request_line(line: bytes) -> tuple[str, bytes, str]:
    method, _, rest = line.partition(b" ")
    target, _, version = rest.partition(b" ")
    # Methods differ by case (RFC 9110 §9.1), but the router would take `get` for GET. None of ours has small letters.
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
    """Require one valid Host; HTTP/1.0 may leave it out. An absolute target replaces the host (RFC 9112 §3.2.2)."""
    if len(hosts) > 1 or (not hosts and version == "1.1") or (hosts and not _HOST.fullmatch(hosts[0])):
        raise BadRequest
