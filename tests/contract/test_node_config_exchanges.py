"""The codecs of polls, documents and statuses write and read their golden exchanges exactly."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.encoding import encode
from contracts.errors import ErrorCode, encode_error
from contracts.node.manifest import decode_manifest, decode_statement, digest_of, encode_manifest, encode_statement
from contracts.node.names import CONFIG_PATH, DOCUMENTS_PATH, STATUS_PATH
from contracts.node.poll import decode_poll, decode_poll_answer, encode_poll, encode_poll_answer
from contracts.node.signed import MANIFEST_MARKER, STATEMENT_MARKER, Signed, signed_message
from contracts.node.status import decode_status, encode_recorded, encode_status
from tests.contract.vectors import cases, load

Json = dict[str, Any]
EXCHANGES = cases("node_config", "exchanges")
PATHS = {"poll_config": CONFIG_PATH, "read_document": DOCUMENTS_PATH, "record_status": STATUS_PATH}


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_an_exchange_has_the_path_of_its_route(exchange: Json) -> None:
    assert exchange["path"].startswith(PATHS[exchange["operation"]])


@pytest.mark.parametrize("exchange", [case for case in EXCHANGES if case.values[0]["status"] != 200])
def test_an_error_is_written_byte_for_byte(exchange: Json) -> None:
    assert encode_error(ErrorCode(exchange["response"]["error"]["code"])) == encode(exchange["response"])


@pytest.mark.parametrize("exchange", [case for case in EXCHANGES if "query" in case.values[0]])
def test_a_poll_is_read_and_written(exchange: Json) -> None:
    assert encode_poll(decode_poll(exchange["query"])) == exchange["query"]


@pytest.mark.parametrize("exchange", [case for case in EXCHANGES if "statement" in case.values[0]["response"]])
def test_the_answer_to_a_poll_is_written_byte_for_byte_and_verifies(exchange: Json) -> None:
    body = encode(exchange["response"])
    answer = decode_poll_answer(body)
    assert encode_poll_answer(answer.statement, answer.manifest) == body
    statement = decode_statement(answer.statement.payload)
    assert encode_statement(statement) == answer.statement.payload
    golden = load("node_config")["exchanges"][0]["response"]["manifest"]
    manifest = decode_poll_answer(encode({"statement": golden, "manifest": golden})).manifest
    assert manifest is not None
    decoded = decode_manifest(manifest.payload)
    assert encode_manifest(decoded) == manifest.payload
    assert (statement.digest, statement.position) == (digest_of(manifest.payload), decoded.position)
    (key,) = decoded.config_keys
    for signed, marker in ((answer.statement, STATEMENT_MARKER), (manifest, MANIFEST_MARKER)):
        verify(key.public_key, signed, marker)


def verify(public_key: bytes, signed: Signed, marker: bytes) -> None:
    (signature,) = signed.signatures
    Ed25519PublicKey.from_public_bytes(public_key).verify(signature.value, signed_message(marker, signed.payload))


@pytest.mark.parametrize("exchange", [case for case in EXCHANGES if "request" in case.values[0]])
def test_a_status_is_read_and_written(exchange: Json) -> None:
    sent = exchange["request"]
    assert json.loads(encode_status(decode_status(encode(sent)))) == sent
    assert encode_recorded() == encode(exchange["response"])
