"""A parser after ours finds the node's own name in each resource and no other, whatever the node sent."""

import json
from contextlib import suppress
from typing import Any, NoReturn

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from services.internal_admin.node_telemetry.domain.body import BadData, Parts
from services.internal_admin.node_telemetry.domain.json_body import overwrite_json
from services.internal_admin.node_telemetry.domain.json_text import JsonText
from services.internal_admin.node_telemetry.domain.protobuf_body import overwrite_protobuf
from tests.support.otlp import NODE, OWN, json_request, json_resources_of, resources_of, result_of, trace_request

ATTRIBUTES = st.lists(st.tuples(st.sampled_from([*OWN, "service.name", "a", "π"]), st.text(max_size=4)), max_size=5)
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def is_named_as_own(resource: list[tuple[str, str]]) -> bool:
    return sorted(each for each in resource if each[0] in OWN) == sorted(OWN.items())


@given(ATTRIBUTES)
def test_foreign_attributes_stay_in_order(attributes: list[tuple[str, str]]) -> None:
    expected = [[*(each for each in attributes if each[0] not in OWN), *OWN.items()]]
    body = trace_request(attributes).SerializeToString()
    assert resources_of(result_of(overwrite_protobuf(body, NODE))) == expected
    text = json.dumps(json_request(attributes)).encode()
    assert json_resources_of(result_of(overwrite_json(text, NODE, "traces"))) == expected


@given(ATTRIBUTES, st.data())
def test_damaged_protobuf_is_refused_or_has_the_name(attributes: list[tuple[str, str]], data: st.DataObject) -> None:
    body = bytearray(trace_request(attributes).SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not body:
            return
    with suppress(BadData):
        overwritten = result_of(overwrite_protobuf(bytes(body), NODE))
        with suppress(DecodeError):  # of a part that only the collector judges
            assert all(map(is_named_as_own, resources_of(overwritten)))


@given(st.binary(max_size=40))
def test_any_bytes_are_refused_or_have_the_name(body: bytes) -> None:
    with suppress(BadData):
        overwritten = result_of(overwrite_protobuf(body, NODE))
        with suppress(DecodeError):
            assert all(map(is_named_as_own, resources_of(overwritten)))


@given(JSON_VALUES, st.sampled_from([None, 1, "\t"]), st.data())
def test_json_is_read_as_the_standard_library_reads_it(value: Any, indent: Any, data: st.DataObject) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=data.draw(st.booleans()))
    at = data.draw(st.integers(0, len(text)))
    text = (
        text[:at] + data.draw(st.sampled_from(["", *'[]{},:"\\ 0-.eé\n'])) + text[at + data.draw(st.integers(0, 1)) :]
    )
    assert is_json(text) == is_read(text), text


def is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError:
        return False
    return True


def is_read(text: str) -> bool:
    cursor = JsonText(text, Parts())
    try:
        result_of(cursor.skip())
        cursor.end()
    except BadData:
        return False
    return True


def _refuse(_: str) -> NoReturn:
    raise ValueError
