"""Signed requests as the vectors have them: bytes, signatures, headers there and back."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from clients.gateway.signature import Signer, is_signed
from contracts.signed_request import (
    HEADERS,
    REFUSAL_STATUS,
    Envelope,
    RequestRefusal,
    decode_envelope,
    encode_envelope,
    http_message_type,
    signed_bytes,
)
from contracts.uvarint import uvarint
from tests.contract.vectors import cases

RFC_8032_TEST_1 = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128)


@pytest.mark.parametrize("case", cases("signed_requests", "messages"))
def test_a_request_is_signed_byte_for_byte(case: dict[str, Any]) -> None:
    signer = Signer(case["device_session_id"], Ed25519PrivateKey.from_private_bytes(RFC_8032_TEST_1))
    body = bytes.fromhex(case["body_hex"])
    envelope = signer.sign(case["message_type"], body, timestamp_ms=case["timestamp_ms"], request_id=case["request_id"])
    assert signer.client_public_key == case["client_public_key"]
    assert envelope.payload_hash.hex() == case["payload_hash_hex"]
    assert base64.b64encode(envelope.signature).decode() == case["signature"]
    assert is_signed(envelope, case["message_type"], case["client_public_key"])
    message = signed_bytes(
        device_session_id=case["device_session_id"],
        message_type=case["message_type"],
        timestamp_ms=case["timestamp_ms"],
        request_id=case["request_id"],
        payload_hash=envelope.payload_hash,
    )
    assert message.hex() == case["message_hex"]


def test_the_signed_bytes_are_those_of_the_specification() -> None:
    message = signed_bytes(
        device_session_id="s", message_type="m", timestamp_ms=258, request_id="r", payload_hash=bytes(32)
    )
    assert message == (
        b"\x11galaxy-request-v1" + b"\x02v1" + b"\x01s" + b"\x01m"
        + b"\0\0\0\0\0\0\x01\x02" + b"\x01r" + b"\x20" + bytes(32)
    )  # fmt: skip


@given(
    st.builds(
        Envelope,
        st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True),
        st.integers(0, 10**16 - 1),
        visible,
        st.binary(min_size=32, max_size=32),
        st.binary(min_size=64, max_size=64),
    )
)
def test_an_envelope_travels_in_headers(envelope: Envelope) -> None:
    headers = encode_envelope(envelope)
    assert tuple(headers) == HEADERS
    assert decode_envelope([(name.encode(), value.encode()) for name, value in headers.items()]) == envelope


@given(st.integers(0, 2**63))
def test_a_length_is_written_in_sevens(number: int) -> None:
    groups = uvarint(number)
    assert all(each & 0x80 for each in groups[:-1])
    assert not groups[-1] & 0x80
    assert sum((each & 0x7F) << 7 * place for place, each in enumerate(groups)) == number


def test_the_message_type_of_http_is_the_request_line() -> None:
    assert http_message_type("GET", b"/a%2Fb", b"") == "GET /a%2Fb"
    assert http_message_type("POST", b"/a", b"b=c") == "POST /a?b=c"


def test_every_refusal_has_a_status() -> None:
    assert set(REFUSAL_STATUS) == set(RequestRefusal)
