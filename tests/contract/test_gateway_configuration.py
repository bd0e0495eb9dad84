"""The configuration of a gateway as the vectors have it: documents, the rule of a request, the age of a session."""

import json
from typing import Any

import pytest

from contracts.encoding import encode
from contracts.errors import ErrorCode, Refusal
from contracts.gateway_configuration import (
    GatewayConfiguration,
    decode_gateway_configuration,
    encode_gateway_configuration,
    is_too_old,
    read_gateway_configuration,
)
from tests.contract.vectors import cases, load


@pytest.mark.parametrize("case", cases("gateway_configurations", "documents"))
def test_a_document_is_read_and_spelled_out(case: dict[str, Any]) -> None:
    configuration = decode_gateway_configuration(encode(case["document"]))
    spelled_out = encode_gateway_configuration(configuration)
    assert json.loads(spelled_out) == case["configuration"]
    assert decode_gateway_configuration(spelled_out) == configuration


def test_the_defaults_of_a_document_are_those_of_the_type() -> None:
    assert decode_gateway_configuration(b"{}") == GatewayConfiguration()


@pytest.mark.parametrize("case", cases("gateway_configurations", "refused"))
def test_another_document_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        decode_gateway_configuration(encode(case["document"]))
    assert refused.value.code == ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("case", cases("gateway_configurations", "rules"))
def test_a_request_has_one_rule(case: dict[str, Any]) -> None:
    configuration = read_gateway_configuration({"routes": load("gateway_configurations")["routes"]})
    rule = configuration.route_for(case["method"], case["path"])
    assert (rule.requires, rule.max_session_age) == (case["requires"], case["max_session_age"])


@pytest.mark.parametrize("case", cases("gateway_configurations", "ages"))
def test_the_age_of_a_session_is_that_of_its_id(case: dict[str, Any]) -> None:
    assert is_too_old(case["device_session_id"], case["max_session_age"], case["now_ms"]) is case["is_too_old"]
