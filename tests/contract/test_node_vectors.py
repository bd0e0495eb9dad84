"""Golden data of nodes: joins, manifests and statements, byte for byte."""

import base64
import copy
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from clients.node.conformance.subject import Subject
from clients.node.identity import PrivateKeys
from clients.node.link import Reply
from clients.node.notices import Distrust
from clients.node.redis_user import RedisLogin, read_redis_user
from clients.node.trust import NotTrusted
from contracts.encoding import encode
from contracts.errors import Refusal
from contracts.node.bundle import Bundle, decode_bundle, encode_bundle
from contracts.node.join import (
    NodeKeys,
    decode_join,
    encode_join,
    fingerprint_of,
    join_proof_message,
    key_change_message,
    parse_join_string,
)
from contracts.node.manifest import decode_manifest, decode_statement, digest_of, encode_manifest, encode_statement
from contracts.node.redis_user import decode_redis_user, encode_redis_user
from contracts.node.signed import MANIFEST_MARKER, Signature, Signed, read_config_keys, read_signed, signed_message
from tests.contract.vectors import cases, load
from tests.support.node_vectors import CONTENT, NEW, NODE, NODE_ID, all_vectors

VERDICTS = ("config_manifests", "config_statements", "node_redis_users", "secret_deliveries")


@pytest.mark.parametrize("name", list(all_vectors()))
def test_the_files_are_what_their_script_writes(name: str) -> None:
    assert load(name) == all_vectors()[name], "run: python -m tests.support.node_vectors"


@pytest.mark.parametrize("case", cases("node_join", "join_strings"))
def test_a_join_string_has_three_parts(case: dict[str, Any]) -> None:
    parts = parse_join_string(case["text"])
    assert parts is not None
    assert (parts.join_token_id, parts.fingerprint) == (case["join_token_id"], case["fingerprint"])
    assert parts.secret not in repr(parts)


@pytest.mark.parametrize("case", cases("node_join", "refused_join_strings"))
def test_another_text_is_no_join_string(case: dict[str, Any]) -> None:
    assert parse_join_string(case["text"]) is None


@pytest.mark.parametrize("case", cases("node_join", "fingerprints"))
def test_a_fingerprint_names_a_key(case: dict[str, Any]) -> None:
    assert fingerprint_of(base64.b64decode(case["public_key"])) == case["fingerprint"]


@pytest.mark.parametrize("part", ["proofs", "key_changes"])
def test_a_proof_covers_name_and_keys(part: str) -> None:
    for case in load("node_join")[part]:
        keys = NodeKeys(*(base64.b64decode(case[name]) for name in ("node_public_key", "node_encryption_key")))
        message = (
            join_proof_message(case["join_token_id"], keys)
            if part == "proofs"
            else key_change_message(case["node_id"], keys)
        )
        assert message.hex() == case["message_hex"]
        Ed25519PublicKey.from_public_bytes(keys.public_key).verify(base64.b64decode(case["proof"]), message)


@pytest.mark.parametrize("case", cases("node_join", "requests"))
def test_a_join_request_is_read_and_written_alike(case: dict[str, Any]) -> None:
    request = decode_join(case["body"].encode())
    text = load("node_join")["join_strings"][0]["text"]
    assert encode_join(text, request.node_name, request.keys, request.software, request.proof).decode() == case["body"]


@pytest.mark.parametrize("case", cases("config_manifests", "manifests"))
async def test_a_manifest_is_judged(case: dict[str, Any]) -> None:
    answer = await _subject().answer({"ask": "manifest", **case})
    assert answer["verdict"] == case["verdict"]
    if case["verdict"] == "accepted":
        payload = read_signed(case["signed"], "signed", 65536).payload
        assert encode_manifest(decode_manifest(payload)) == payload


@pytest.mark.parametrize("case", cases("config_statements", "statements"))
async def test_a_statement_is_judged(case: dict[str, Any]) -> None:
    answer = await _subject().answer({"ask": "statement", **case})
    assert answer["verdict"] == case["verdict"]
    if case["verdict"] == "accepted":
        payload = read_signed(case["signed"], "signed", 4096).payload
        assert encode_statement(decode_statement(payload)) == payload


def test_every_reason_of_a_verdict_has_a_vector() -> None:
    verdicts = {case["verdict"] for name in VERDICTS for case in _all_cases(name)}
    by_other_means = {"untrusted_control_plane", "missing_manifest", "older_position", "wrong_document"}
    assert verdicts == {"accepted", *Distrust.__args__} - by_other_means


@pytest.mark.parametrize("case", cases("node_redis_users", "exchanges"))
def test_a_password_is_read_by_the_node_that_asked_alone(case: dict[str, Any]) -> None:
    """The data was sealed by another implementation of HPKE."""
    body = encode(case["response"])
    assert encode_redis_user(decode_redis_user(body)) == body
    private = PrivateKeys(NODE, X25519PrivateKey.from_private_bytes(bytes.fromhex(case["encryption_key_hex"])))
    reply = Reply(body, case["request_id"], 0, 0, is_by_next_keys=False)
    keys = read_config_keys(case["config_keys"], "config_keys")
    if case["verdict"] == "accepted":
        login = read_redis_user(reply, case["node_id"], keys, [private])
        assert login == RedisLogin(NODE_ID, case["password"])
    else:
        with pytest.raises(NotTrusted, match=f"^{case['verdict']}$"):
            read_redis_user(reply, case["node_id"], keys, [private])


@pytest.mark.parametrize(
    "change",
    [
        {"suite": "another"},
        {"bytes": "AAAA" * 60},
        {"bytes": "!"},
        {"signatures": []},
        {"key_generation": -1},
        {"more": 1},
    ],
)
def test_a_sealed_value_of_another_form_is_malformed(change: dict[str, object]) -> None:
    response = copy.deepcopy(load("node_redis_users")["exchanges"][0]["response"])
    response["redis_user"]["sealed"] |= change
    with pytest.raises(Refusal):
        decode_redis_user(encode(response))


def test_a_bundle_is_read_as_it_was_written() -> None:
    payload = b"{}"
    signed = Signed(payload, (Signature("new", NEW.private.sign(signed_message(MANIFEST_MARKER, payload))),))
    bundle = Bundle(signed, {digest_of(CONTENT): CONTENT, digest_of(b""): b""})
    assert decode_bundle(encode_bundle(bundle)) == bundle


def _all_cases(name: str) -> list[dict[str, Any]]:
    return [case for part, of_part in load(name).items() if part != "about" for case in of_part]


def _subject() -> Subject:
    return Subject(None)  # pyright: ignore[reportArgumentType] - these questions need no resources
