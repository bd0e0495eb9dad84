"""Sets a node's attributes in an OTLP request of JSON, and leaves the text of everything below the scopes.

The three levels that are read are written anew with the names that OTLP has for them: a name that OTLP does not have
is dropped, a name that stands twice is refused. So no later parser, however lenient, finds an attribute that this one
missed. `json_format` of protobuf is no help here: OTLP writes trace ids in hexadecimal, protobuf in base64.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from services.internal_admin.node_telemetry.domain.body import BadData, NodeIdentity, Parts, Work
from services.internal_admin.node_telemetry.domain.json_text import JsonText, decode_string

_Read: TypeAlias = Callable[[JsonText], Work[str]]
"""Reads the value at a position, and returns the text to write in its place."""

_SIGNALS: Mapping[str, tuple[str, str]] = {
    "traces": ("resourceSpans", "scopeSpans"),
    "metrics": ("resourceMetrics", "scopeMetrics"),
    "logs": ("resourceLogs", "scopeLogs"),
}


def overwrite_json(body: bytes, node: NodeIdentity, signal: str) -> Work[bytes]:
    """The request with the node's attributes in each resource. Raises `BadData`, `TooLarge`."""
    try:
        text = JsonText(body.decode(), Parts())
    except UnicodeDecodeError:
        raise BadData("body is not UTF-8") from None
    groups, scopes = _SIGNALS[signal]
    own = [_attribute_text(*each) for each in node.attributes.items()]
    resource = partial(_resource, own=own, names=frozenset(node.attributes))
    group = partial(_group, resource=resource, scopes=scopes)
    members = yield from _members(text, {groups: partial(_array, read=group)})
    text.end()
    yield
    return _object(members).encode()


def _group(text: JsonText, *, resource: Callable[[JsonText | None], Work[str]], scopes: str) -> Work[str]:
    members = yield from _members(text, {"resource": resource, scopes: JsonText.skip, "schemaUrl": JsonText.skip})
    if "resource" not in members:
        members["resource"] = yield from resource(None)
    return _object(members)


def _resource(text: JsonText | None, *, own: list[str], names: frozenset[str]) -> Work[str]:
    """The resource with its own attributes last; one of these attributes alone where the request has no resource."""
    attributes = list[str]()
    readers: dict[str, _Read] = {
        "attributes": partial(_attributes, names=names, into=attributes),
        "droppedAttributesCount": JsonText.skip,
        "entityRefs": JsonText.skip,
    }
    members = {} if text is None else (yield from _members(text, readers))
    members["attributes"] = _array_text([*attributes, *own])
    return _object(members)


def _attributes(text: JsonText, *, names: frozenset[str], into: list[str]) -> Work[str]:
    """Put the text of each attribute that has none of these names into `into`."""
    if text.enter("["):
        while text.next_element():
            members = yield from _members(text, {"key": JsonText.skip, "value": JsonText.skip})
            key = members.get("key", '""').strip()
            if not key.startswith('"'):
                raise BadData("body is not OTLP: the key of an attribute is no string")
            if decode_string(key) not in names:
                into.append(_object(members))
            yield
    return ""


def _array(text: JsonText, *, read: _Read) -> Work[str]:
    elements = list[str]()
    if text.enter("["):
        while text.next_element():
            elements.append((yield from read(text)))
            yield
    return _array_text(elements)


def _members(text: JsonText, readers: Mapping[str, _Read]) -> Work[dict[str, str]]:
    """The members of an object by their names in OTLP. `null` is an object without members."""
    names = {_snake_case(name): name for name in readers} | {name: name for name in readers}
    members = dict[str, str]()
    if not text.enter("{"):
        return members
    while (given := text.next_name()) is not None:
        name = names.get(given)
        if name is None:
            yield from text.skip()
        elif name in members:
            raise BadData(f"body is not OTLP: {name} stands twice")
        else:
            members[name] = yield from readers[name](text)
    return members


def _snake_case(name: str) -> str:
    """The name in protobuf, which some receivers of JSON take too."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _attribute_text(name: str, text: str) -> str:
    return json.dumps({"key": name, "value": {"stringValue": text}}, separators=(",", ":"))


def _object(members: Mapping[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}"


def _array_text(elements: list[str]) -> str:
    return "[" + ",".join(elements) + "]"
