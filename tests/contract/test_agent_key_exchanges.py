"""The codecs of an agent's key write and read the golden exchanges of the node API exactly."""

from typing import Any

import pytest

from contracts.encoding import encode
from contracts.errors import ErrorCode, Refusal, encode_error
from contracts.node.agent_key import (
    agent_keys_path,
    decode_register_agent_key,
    decode_registered_agent_key,
    encode_register_agent_key,
    encode_registered_agent_key,
)
from tests.contract.vectors import cases

Json = dict[str, Any]
EXCHANGES = [case for case in cases("node", "exchanges") if case.values[0]["operation"] == "register_agent_key_by_node"]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_an_exchange_is_read_and_written_byte_for_byte(exchange: Json) -> None:
    sent, answer = encode(exchange["request"]), encode(exchange["response"])
    assert encode_register_agent_key(decode_register_agent_key(sent).client_public_key) == sent
    if exchange["status"] == 200:
        registered = decode_registered_agent_key(answer)
        assert encode_registered_agent_key(registered) == answer
        assert agent_keys_path(registered.agent_id) == exchange["path"]
    else:
        assert encode_error(ErrorCode(exchange["response"]["error"]["code"])) == answer


@pytest.mark.parametrize(
    "answer", [b"{}", b"[]", b'{"outcome":"opened","agent_id":"agent-1","device_session_id":"device-session-1"}']
)
def test_another_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(Refusal):
        decode_registered_agent_key(answer)
