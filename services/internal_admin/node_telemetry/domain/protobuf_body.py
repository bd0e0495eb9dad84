"""Sets a node's attributes in an OTLP request of protobuf, without decoding anything below the scopes.

Three levels are read: the request, its resources with their scopes, and the attributes of a resource. The rest is
copied as it stands. So 4 MiB take about a millisecond, and no body makes objects of many times its size. The collector
judges the rest, and its refusal reaches the node.

No parser after this one may find an attribute that this one missed. So the reading is strict where parsers differ: a
tag or a length has at most 32 bits, and the fields of the three levels have no other wire type than their own.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from contracts.uvarint import uvarint
from services.internal_admin.node_telemetry.domain.body import BadData, NodeIdentity, Parts, TooLarge, Work

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""Wire types. OTLP has no groups (3, 4)."""
_FIXED_LENGTHS = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT_BYTES = 10
_MAX_LENGTH_BYTES = 5

_GROUPS = 1
"""`resource_spans`, `resource_metrics` or `resource_logs` of a request."""
_RESOURCE = 1
"""`resource` of such a group."""
_ATTRIBUTES = 1
"""`attributes` of a resource."""
_KEY, _VALUE = 1, 2
"""The fields of an attribute."""
_STRING_VALUE = 1

_Bytes: TypeAlias = bytes | memoryview


class _Field(NamedTuple):
    number: int
    wire_type: int
    raw: memoryview
    """The whole field with its tag."""
    value: memoryview
    """The content of a field with the wire type bytes."""


def overwrite_protobuf(body: bytes, node: NodeIdentity) -> Work[bytes]:
    """The request with the node's attributes in each resource. Raises `BadData`, `TooLarge`."""
    own = b"".join(_bytes_field(_ATTRIBUTES, _attribute(*each)) for each in node.attributes.items())
    names = frozenset(name.encode() for name in node.attributes)
    parts, request = Parts(), list[_Bytes]()
    for field in _fields(memoryview(body), parts):
        group = _bytes_of(field, _GROUPS)
        request += [field.raw] if group is None else (yield from _overwritten(group, own, names, parts))
        yield
    return b"".join(request)


def is_protobuf(body: bytes) -> bool:
    """Whether the bytes are a message of protobuf at their first level. An empty body is one."""
    try:
        for _ in _fields(memoryview(body), Parts()):
            pass
    except (BadData, TooLarge):
        return False
    return True


def _overwritten(group: memoryview, own: bytes, names: frozenset[bytes], parts: Parts) -> Work[list[_Bytes]]:
    """The group with one resource. A message that occurs twice means both merged (protobuf's encoding)."""
    resource, rest = list[_Bytes](), list[_Bytes]()
    for field in _fields(group, parts):
        message = _bytes_of(field, _RESOURCE)
        if message is None:
            rest.append(field.raw)
        else:
            resource += yield from _foreign_fields(message, names, parts)
        yield
    whole = [_bytes_field(_RESOURCE, b"".join([*resource, own])), *rest]
    return [_head(_GROUPS, sum(map(len, whole))), *whole]


def _foreign_fields(resource: memoryview, names: frozenset[bytes], parts: Parts) -> Work[list[memoryview]]:
    """The fields of a resource without the attributes of these names."""
    fields = list[memoryview]()
    for field in _fields(resource, parts):
        attribute = _bytes_of(field, _ATTRIBUTES)
        if attribute is None or names.isdisjoint(_keys(attribute, parts)):
            fields.append(field.raw)
        yield
    return fields


def _keys(attribute: memoryview, parts: Parts) -> list[bytes]:
    """Each key of the attribute. Parsers take the last one of several."""
    keys = [_bytes_of(field, _KEY) for field in _fields(attribute, parts)]
    return [bytes(key) for key in keys if key is not None]


def _bytes_of(field: _Field, number: int) -> memoryview | None:
    """The content of the field; None if it has another number. Raises `BadData` for another wire type."""
    if field.number != number:
        return None
    if field.wire_type != _BYTES:
        raise BadData("body is not OTLP: a field has a wrong wire type")
    return field.value


def _fields(message: memoryview, parts: Parts) -> Iterator[_Field]:
    """The fields of a message in order. Raises `BadData`, `TooLarge`."""
    at = 0
    while at < len(message):
        parts.count()
        begin = at
        tag, at = _read_uvarint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if not number:
            raise BadData("body is not valid protobuf")
        value, end = _content(message, at, wire_type)
        yield _Field(number, wire_type, message[begin:end], value)
        at = end


def _content(message: memoryview, at: int, wire_type: int) -> tuple[memoryview, int]:
    """The content of a field of bytes, or an empty one, and the field's end."""
    if wire_type == _VARINT:
        return message[:0], _end_of_varint(message, at)
    if wire_type == _BYTES:
        length, at = _read_uvarint(message, at)
    else:
        length = _FIXED_LENGTHS.get(wire_type, -1)
    if length < 0 or at + length > len(message):
        raise BadData("body is not valid protobuf")
    return message[at : at + length], at + length


def _read_uvarint(message: memoryview, at: int) -> tuple[int, int]:
    """A tag or a length, of at most 32 bits, and its end."""
    number = 0
    for shift, byte in enumerate(message[at : at + _MAX_LENGTH_BYTES]):
        number |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            if number >> 32:
                break
            return number, at + shift + 1
    raise BadData("body is not valid protobuf")


def _end_of_varint(message: memoryview, at: int) -> int:
    for length, byte in enumerate(message[at : at + _MAX_VARINT_BYTES], start=1):
        if byte < 0x80:
            return at + length
    raise BadData("body is not valid protobuf")


def _attribute(name: str, text: str) -> bytes:
    return _bytes_field(_KEY, name.encode()) + _bytes_field(_VALUE, _bytes_field(_STRING_VALUE, text.encode()))


def _bytes_field(number: int, content: bytes) -> bytes:
    return _head(number, len(content)) + content


def _head(number: int, length: int) -> bytes:
    return uvarint(number << 3 | _BYTES) + uvarint(length)
