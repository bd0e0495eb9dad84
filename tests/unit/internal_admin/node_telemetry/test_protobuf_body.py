"""A node's telemetry in protobuf gets the node's own name, and nothing else changes."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from contracts.node.telemetry import SIGNALS, Signal
from contracts.uvarint import uvarint
from services.internal_admin.node_telemetry.domain.body import MAX_PARTS, BadData, TooLarge
from services.internal_admin.node_telemetry.domain.protobuf_body import overwrite_protobuf
from tests.support.otlp import CLAIMED, GROUPS, NODE, OWN, REQUESTS, resources_of, result_of, trace_request


def overwritten(body: bytes) -> bytes:
    return result_of(overwrite_protobuf(body, NODE))


def message(number: int, content: bytes) -> bytes:
    return uvarint(number << 3 | 2) + uvarint(len(content)) + content


def attribute(key: bytes, value: bytes = b"v") -> bytes:
    return message(1, message(1, key) + message(2, message(1, value)))


def test_claims_of_another_node_are_replaced_also_when_repeated() -> None:
    body = trace_request([*CLAIMED.items(), ("service.name", "gateway"), *CLAIMED.items()]).SerializeToString()
    assert resources_of(overwritten(body)) == [[("service.name", "gateway"), *OWN.items()]]


def test_everything_but_the_resource_stays() -> None:
    given = trace_request(CLAIMED.items(), spans=3)
    answer = ExportTraceServiceRequest.FromString(overwritten(given.SerializeToString()))
    assert answer.resource_spans[0].scope_spans == given.resource_spans[0].scope_spans
    assert answer.resource_spans[0].schema_url == given.resource_spans[0].schema_url


@pytest.mark.parametrize("signal", SIGNALS)
def test_each_signal_and_each_resource_gets_the_name(signal: Signal) -> None:
    request = REQUESTS[signal]()
    for _ in range(3):
        getattr(request, GROUPS[signal][0]).add()
    assert resources_of(overwritten(request.SerializeToString()), signal) == [list(OWN.items())] * 3


def test_an_empty_request_stays_empty() -> None:
    assert overwritten(b"") == b""


def test_claims_in_a_resource_that_stands_twice_are_dropped() -> None:
    """Protobuf merges a message that occurs twice, so the second one could add a claim."""
    claim = message(1, attribute(b"authsession.node.id", b"another"))
    foreign = message(1, attribute(b"service.name"))
    assert resources_of(overwritten(message(1, claim + foreign + claim))) == [[("service.name", "v"), *OWN.items()]]


def test_an_attribute_with_two_keys_is_dropped_if_one_is_ours() -> None:
    for keys in ((b"authsession.node.id", b"x"), (b"x", b"authsession.node.id")):
        double = message(1, b"".join(message(1, key) for key in keys))
        assert resources_of(overwritten(message(1, message(1, double)))) == [list(OWN.items())]


def test_fields_of_a_later_otlp_are_kept() -> None:
    unknown = message(99, b"new") + uvarint(98 << 3) + uvarint(2**64 - 1) + uvarint(97 << 3 | 5) + bytes(4)
    answer = overwritten(message(1, message(1, unknown) + unknown) + unknown)
    assert answer.count(unknown) == 3


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a",  # no length
        b"\x0a\x05abc",  # shorter than its length
        b"\x00\x00",  # field number 0
        b"\x0b\x0c",  # a group
        b"\x08\x01",  # the resource spans as a number
        message(1, b"\x08\x01"),  # the resource as a number
        message(1, message(1, b"\x0d\x00\x00\x00\x00")),  # the attributes as a fixed number
        message(1, message(1, message(1, b"\x08\x01"))),  # the key as a number
        b"\x8a\x80\x80\x80\x10\x00",  # a tag of 33 bits, which some parsers cut to field 1
        b"\x8a\x80\x80\x80\x80\x00\x00",  # a tag of six bytes
        b"\x0a\x80\x80\x80\x80\x80\x00",  # a length of six bytes
        b"\x10" + b"\xff" * 10,  # a number without an end
        b"\x0f",  # wire type 7
    ],
)
def test_malformed_data_and_data_that_parsers_read_differently_are_refused(body: bytes) -> None:
    with pytest.raises(BadData):
        overwritten(body)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_very_many_parts_are_refused_before_they_cost_much(depth: int) -> None:
    body = b"\x0a\x00" * (MAX_PARTS + 1)
    for _ in range(depth):
        body = message(1, body)
    with pytest.raises(TooLarge):
        overwritten(body)
