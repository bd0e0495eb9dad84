"""A node's telemetry in JSON gets the node's own name, and the text below the scopes stays as it is."""

import json
from typing import Any

import pytest

from contracts.node.telemetry import SIGNALS, Signal
from services.internal_admin.node_telemetry.domain.body import MAX_PARTS, BadData, TooLarge
from services.internal_admin.node_telemetry.domain.json_body import overwrite_json
from services.internal_admin.node_telemetry.domain.json_text import MAX_DEPTH, MAX_TOKENS
from tests.support.otlp import CLAIMED, GROUPS, NODE, OWN, json_request, json_resources_of, result_of


def overwritten(body: str | bytes, signal: Signal = "traces") -> bytes:
    return result_of(overwrite_json(body.encode() if isinstance(body, str) else body, NODE, signal))


def with_resource(text: str) -> str:
    return f'{{"resourceSpans":[{{"resource":{text}}}]}}'


def with_spans(text: str) -> str:
    return f'{{"resourceSpans":[{{"scopeSpans":{text}}}]}}'


def test_claims_of_another_node_are_replaced_also_when_repeated() -> None:
    body = json.dumps(json_request([*CLAIMED.items(), ("service.name", "gateway"), *CLAIMED.items()]))
    assert json_resources_of(overwritten(body)) == [[("service.name", "gateway"), *OWN.items()]]


def test_everything_but_the_resource_stays_to_the_letter() -> None:
    text = ' [ {"spans" : [{"traceId":"5B8E","n":1.50,"big":18446744073709551615,"name":"\\u03c0 \\ud800 π😀"}]}\n] '
    answer = overwritten(with_spans(text)).decode()
    assert f'"scopeSpans":{text}'.rstrip() in answer


@pytest.mark.parametrize("signal", SIGNALS)
def test_each_signal_and_each_resource_gets_the_name(signal: Signal) -> None:
    body = json.dumps({GROUPS[signal][1]: [{}, {"resource": None}, {"resource": {"attributes": None}}]})
    assert json_resources_of(overwritten(body, signal), signal) == [list(OWN.items())] * 3


@pytest.mark.parametrize(
    "body", ["{}", ' { "resourceSpans" : null } ', '{"resourceSpans":[]}', '{"resourceLogs":[{}]}']
)
def test_a_request_without_resources_stays_without(body: str) -> None:
    assert json.loads(overwritten(body)).get("resourceSpans", []) == []


def test_names_of_protobuf_are_understood_too() -> None:
    """Some collectors take them, so a claim under such a name must not pass."""
    claim = {
        "attributes": [{"key": "authsession.node.id", "value": {"stringValue": "x"}}],
        "dropped_attributes_count": 1,
    }
    body = json.dumps({"resource_spans": [{"resource": claim, "scope_spans": [], "schema_url": "s"}]})
    group: dict[str, Any] = json.loads(overwritten(body))["resourceSpans"][0]
    assert group.keys() == {"resource", "scopeSpans", "schemaUrl"}
    assert group["resource"]["droppedAttributesCount"] == 1
    assert json_resources_of(overwritten(body)) == [list(OWN.items())]


def test_a_key_in_escapes_is_recognised() -> None:
    body = with_resource('{"\\u0061ttributes":[{"k\\u0065y":"service\\u002einstance.id","value":{"stringValue":"x"}}]}')
    assert json_resources_of(overwritten(body)) == [list(OWN.items())]


def test_names_that_otlp_does_not_have_are_dropped() -> None:
    body = with_resource('{"Attributes":[{"key":"authsession.node.id"}],"x":{"y":[1]}}')
    assert b"Attributes" not in overwritten(body)
    attributes = '{"attributes":[{"Key":"authsession.node.id","key":"a","value":{"stringValue":"b"}}]}'
    assert json_resources_of(overwritten(with_resource(attributes))) == [[("a", "b"), *OWN.items()]]


@pytest.mark.parametrize(
    "body",
    [
        '{"resourceSpans":[],"resourceSpans":[]}',
        '{"resourceSpans":[],"resource_spans":[]}',
        '{"resourceSpans":[{"resource":{},"resource":{}}]}',
        with_resource('{"attributes":[],"attributes":[]}'),
        with_resource('{"attributes":[{"key":"a","key":"authsession.node.id"}]}'),
    ],
)
def test_a_name_that_stands_twice_is_refused(body: str) -> None:
    """Parsers differ in which of two members they take."""
    with pytest.raises(BadData):
        overwritten(body)


@pytest.mark.parametrize(
    "body",
    [
        "", "[]", "7", "null1", '"a"', "{", "{}{}", "{} x", '{"resourceSpans":{}}', '{"resourceSpans":[7]}',
        '{"resourceSpans":[{}', '{"resourceSpans":[{},]}', '{"resourceSpans":[{}]]', '{"resourceSpans":[}',
        '{,"resourceSpans":[]}', '{"resourceSpans" []}', "{resourceSpans:[]}", "{'resourceSpans':[]}",
        with_resource("[]"), with_resource('{"attributes":{}}'), with_resource('{"attributes":["a"]}'),
        with_resource('{"attributes":[{"key":1}]}'), with_resource('{"attributes":[{"key":{}}]}'),
        with_spans("[01]"), with_spans("[1.]"), with_spans("[+1]"), with_spans("[.5]"), with_spans("[1e]"),
        with_spans("[NaN]"), with_spans("[Infinity]"), with_spans("[tru]"), with_spans("[true false]"),
        with_spans('["\\x"]'), with_spans('["\\u12g4"]'), with_spans('["a\nb"]'), with_spans('["a]'),
        with_spans("[1,]"), with_spans("[,1]"), with_spans('{"a":1,}'), with_spans('{"a"}'), with_spans('{"a":}'),
        with_spans("[}"), with_spans("[[1}]"), with_spans('{"a":[1}}'), with_spans("[/* */1]"), with_spans("[\xa01]"),
        with_spans("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2)),
    ],
)  # fmt: skip
def test_malformed_data_are_refused(body: str) -> None:
    with pytest.raises(BadData):
        overwritten(body)


def test_bytes_that_are_no_utf8_are_refused() -> None:
    with pytest.raises(BadData):
        overwritten(b'{"resourceSpans":[{"schemaUrl":"\xff"}]}')


@pytest.mark.parametrize("string", ["\\n" * 5_000, 'a\\"' * 1_025, "\\u0041" * 512, "x" * 100_000])
def test_a_long_string_is_read_in_parts(string: str) -> None:
    body = with_spans(f'["{string}",{{"a":"{string}"}}]')
    assert string.encode() in overwritten(body)
    with pytest.raises(BadData):
        overwritten(with_spans(f'["{string}\\'))


def test_very_many_parts_are_refused_before_they_cost_much() -> None:
    for body in (
        f'{{"resourceSpans":[{"{}," * MAX_PARTS}{{}}]}}',
        with_resource(f'{{"attributes":[{"{}," * MAX_PARTS}{{}}]}}'),
        with_spans(f"[{'[],' * MAX_TOKENS}1]"),
    ):
        with pytest.raises(TooLarge):
            overwritten(body)
