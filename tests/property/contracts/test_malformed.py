"""Nothing but `Refusal` ever comes out of a decoder, whatever goes in; and what is malformed always gives one."""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.control_plane.audit import decode_list_audit
from contracts.errors import ErrorCode, Refusal, encode_error
from contracts.gateway import MalformedRecord, decode_record, decode_stream_entry
from contracts.internal_blocks import decode_block_subject, decode_list_blocks, decode_unblock_subject
from contracts.internal_mailbox import decode_read_mailbox
from contracts.internal_sessions import decode_list_sessions, decode_revoke_session, decode_revoke_user_sessions
from contracts.internal_users import decode_find_users
from contracts.public_auth import decode_confirm, decode_send
from contracts.strict_json import decode_object
from tests.property.contracts.requests import ANY_JSON, ANY_TEXT

ACTOR = {"type": "admin", "id": "admin-1"}
CONFIRM = {"challenge_id": "challenge-123", "code": "123456", "client_public_key": "key", "time_zone": "UTC"}
VALID: dict[Callable[[bytes], object], dict[str, Any]] = {
    decode_send: {"email": "pilot@example.com"},
    decode_confirm: CONFIRM,
    decode_revoke_session: {"reason_code": "x", "actor": ACTOR},
    decode_revoke_user_sessions: {"reason_code": "x", "actor": ACTOR, "except_device_session_id": "device-session-1"},
    decode_block_subject: {
        "email": "pilot@example.com",
        "reason_code": "x",
        "actor": ACTOR,
        "expires_at": "2026-04-05T12:00:00Z",
    },
    decode_unblock_subject: {"user_id": "user-123", "reason_code": "x", "actor": ACTOR},
}
OPTIONAL = {"time_zone", "client_key_proof", "device_label", "except_device_session_id", "expires_at"}
DECODERS = st.sampled_from(list(VALID))
QUERY_DECODERS = st.sampled_from([
    decode_find_users, decode_read_mailbox, decode_list_sessions, decode_list_blocks, decode_list_audit,
])  # fmt: skip
PARAMETERS = st.sampled_from(["email", "user_id", "limit", "cursor", "status", "x", ""])


def refusal_of(decode: Callable[[bytes], object], body: bytes) -> Refusal:
    with pytest.raises(Refusal) as refused:
        decode(body)
    assert refused.value.code is ErrorCode.INVALID_REQUEST
    assert encode_error(refused.value.code, refused.value.message)  # whatever the message repeats can be written
    return refused.value


@pytest.mark.parametrize("decode", VALID)
def test_the_valid_bodies_of_this_module_are_valid(decode: Callable[[bytes], object]) -> None:
    assert decode(json.dumps(VALID[decode]).encode())


@given(DECODERS, st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(decode: Callable[[bytes], object], body: bytes) -> None:
    with suppress(Refusal):
        decode(body)


@given(DECODERS, ANY_JSON, st.booleans())
def test_any_json_is_read_or_refused(decode: Callable[[bytes], object], value: Any, escaped: bool) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode(errors="surrogatepass")
    with suppress(Refusal):
        decode(body)


@given(st.data(), DECODERS, ANY_JSON)
def test_a_field_of_any_type_is_read_or_refused(
    data: st.DataObject, decode: Callable[[bytes], object], value: Any
) -> None:
    name = data.draw(st.sampled_from(sorted(VALID[decode])))
    body = json.dumps({**VALID[decode], name: value}).encode()
    with suppress(Refusal):
        decode(body)


@given(st.data(), DECODERS)
def test_a_field_that_is_no_string_is_refused_and_named(data: st.DataObject, decode: Callable[[bytes], object]) -> None:
    name = data.draw(st.sampled_from(sorted(VALID[decode].keys() - {"actor"})))
    value = data.draw(ANY_JSON.filter(lambda value: not isinstance(value, str)))
    assume(value is not None or name not in OPTIONAL)
    body = json.dumps({**VALID[decode], name: value}, allow_nan=True).encode()
    message = refusal_of(decode, body).message
    assert name in message or message in {"numbers must be finite", "body is not valid JSON"} or "duplicate" in message


@given(DECODERS, ANY_TEXT, ANY_JSON)
def test_an_unknown_field_is_refused(decode: Callable[[bytes], object], name: str, value: Any) -> None:
    assume(name not in {"email", "user_id", "expires_at", "client_key_proof", "device_label", *VALID[decode]})
    refusal_of(decode, json.dumps({**VALID[decode], name: value}).encode())


@given(st.data(), DECODERS)
def test_a_repeated_field_is_refused_and_named(data: st.DataObject, decode: Callable[[bytes], object]) -> None:
    name, value = data.draw(st.sampled_from(sorted(VALID[decode].items())))
    body = json.dumps(VALID[decode])[:-1] + f", {json.dumps(name)}: {json.dumps(value)}}}"
    assert refusal_of(decode, body.encode()).message == f"duplicate field {name}"


@given(DECODERS, ANY_JSON)
def test_a_second_json_value_is_refused(decode: Callable[[bytes], object], second: Any) -> None:
    refusal_of(decode, f"{json.dumps(VALID[decode])} {json.dumps(second)}".encode())


@given(st.data(), DECODERS)
def test_a_body_cut_off_anywhere_is_refused(data: st.DataObject, decode: Callable[[bytes], object]) -> None:
    whole = json.dumps(VALID[decode]).encode()
    refusal_of(decode, whole[: data.draw(st.integers(min_value=0, max_value=len(whole) - 1))])


@given(st.data(), DECODERS, st.sampled_from(["\0", "\ud800", "\udfff"]))
def test_nul_and_lone_surrogates_are_refused_and_the_field_named(
    data: st.DataObject, decode: Callable[[bytes], object], poison: str
) -> None:
    name = data.draw(st.sampled_from(sorted(VALID[decode].keys() - {"actor"})))
    text = VALID[decode][name]
    at = data.draw(st.integers(min_value=0, max_value=len(text)))
    body = json.dumps({**VALID[decode], name: text[:at] + poison + text[at:]}).encode()
    assert name in refusal_of(decode, body).message


@given(DECODERS, st.sampled_from(["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]))
def test_any_encoding_but_plain_utf_8_is_refused(decode: Callable[[bytes], object], encoding: str) -> None:
    refusal_of(decode, json.dumps(VALID[decode]).encode(encoding))


@given(DECODERS, st.integers(min_value=1, max_value=200_000), st.sampled_from(['{"a":', "[", '{"email":[{"actor":']))
def test_depth_is_refused_and_never_exhausts_the_stack(
    decode: Callable[[bytes], object], depth: int, opening: str
) -> None:
    refusal_of(decode, (opening * depth).encode())
    closing = "".join({"[": "]", "{": "}"}.get(sign, "") for sign in reversed(opening))
    refusal_of(decode, (opening * depth + "1" + closing * depth).encode())


@given(st.integers(min_value=4301, max_value=16_000), st.sampled_from(["", "-", "1."]))
def test_numbers_of_thousands_of_digits_are_refused(digits: int, prefix: str) -> None:
    refusal_of(decode_send, f'{{"email":{prefix}{"9" * digits}}}'.encode())


@given(
    st.sampled_from(["NaN", "Infinity", "-Infinity", "1e999", "-1E+400"]), st.sampled_from(["%s", "[%s]", '{"a":%s}'])
)
def test_numbers_that_are_not_finite_are_refused_wherever_they_are(number: str, around: str) -> None:
    assert refusal_of(decode_object, f'{{"email":{around % number}}}'.encode()).message == "numbers must be finite"


@given(QUERY_DECODERS, st.text(st.characters(codec=None), max_size=60))
def test_any_query_is_read_or_refused(decode: Callable[[str], object], query: str) -> None:
    with suppress(Refusal):
        decode(query)


@given(QUERY_DECODERS, st.lists(st.tuples(PARAMETERS, st.text("0129aZ%=+_-. &\u0661é", max_size=12)), max_size=3))
def test_any_parameters_are_read_or_refused(decode: Callable[[str], object], pairs: list[tuple[str, str]]) -> None:
    with suppress(Refusal):
        decode("&".join(f"{name}={value}" for name, value in pairs))


@given(st.integers(min_value=0, max_value=2**70).map(str) | st.text(max_size=12), st.binary(max_size=40))
def test_any_cursor_is_read_or_refused(text: str, raw: bytes) -> None:
    for inside in (text.encode(errors="surrogatepass"), raw):
        cursor = base64.urlsafe_b64encode(inside).rstrip(b"=").decode()
        for decode in (decode_list_sessions, decode_list_blocks, decode_list_audit):
            with suppress(Refusal):
                decode(f"cursor={cursor}")


@given(st.binary(max_size=200) | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_any_value_in_redis_is_a_record_or_malformed(value: bytes) -> None:
    with suppress(MalformedRecord):
        decode_record(value)


@given(
    st.dictionaries(
        st.sampled_from(["device_session_id", "user_id", "client_public_key", "status", "revoked_at_ms"]) | ANY_TEXT,
        st.sampled_from(["active", "revoked", "1"]) | ANY_TEXT,
    )
)
def test_any_stream_entry_is_a_record_or_malformed(fields: dict[str, str]) -> None:
    with suppress(MalformedRecord):
        decode_stream_entry(fields)
