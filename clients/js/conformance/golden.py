"""Questions from the golden data: codes as people type them, proofs of keys, and signed requests."""

import base64
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.strict_json import decode_object

Question = Mapping[str, Any]
SIGNING_KEY_HEX: Final = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
"""The private key of RFC 8032 test 1, which made the golden signatures."""


def is_signature(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the Ed25519 key made this signature of the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Signature:
    """The message that the answer's field `name` must sign. Two signatures of one message may differ."""

    name: str
    public_key: str
    message_hex: str

    def is_in(self, answer: Question) -> bool:
        try:
            value = base64.b64decode(answer[self.name], validate=True)
        except (KeyError, TypeError, ValueError):
            return False
        return is_signature(base64.b64decode(self.public_key), value, bytes.fromhex(self.message_hex))


@dataclass(frozen=True, slots=True)
class Case:
    """One question. `right` is the answer without the field of `signature`."""

    name: str
    question: Question
    right: Question
    signature: Signature | None = None

    def complaint(self, answer: Question) -> str | None:
        """The fault of the answer, in one line. None for a right one."""
        signature = self.signature
        given = {name: value for name, value in answer.items() if signature is None or name != signature.name}
        if given != self.right:
            return f"{self.name}: answered {given}, not {dict(self.right)}"
        if signature is not None and not signature.is_in(answer):
            return f"{self.name}: {signature.name} is no signature of the message {signature.message_hex}"
        return None


def vectors(name: str) -> Mapping[str, Any]:
    """The content of a file of `contracts/vectors`; `name` has no `.json`."""
    return decode_object(resources.files("contracts").joinpath("vectors", f"{name}.json").read_bytes())


def golden_cases() -> Generator[Case]:
    """Every case, those that are needed first."""
    yield from _codes()
    yield from _proofs()
    yield from _requests()


def _codes() -> Generator[Case]:
    golden = vectors("login_codes")
    for case in golden["read"]:
        yield Case(f"code: {case['name']}", {"ask": "code", "text": case["text"]}, {"code": case["code"]})
    for case in golden["refused"]:
        yield Case(f"code: {case['name']}", {"ask": "code", "text": case["text"]}, {"refused": True})


def _proofs() -> Generator[Case]:
    for case in vectors("client_key_proofs")["proofs"]:
        fields = {name: case[name] for name in ("host", "challenge_id", "code")}
        message = case["message_hex"]
        yield Case(f"proof bytes: {case['name']}", {"ask": "proof_bytes", **fields}, {"message_hex": message})
        asked = Case(
            f"proof: {case['name']}",
            {"ask": "proof", "signing_key_hex": SIGNING_KEY_HEX, **fields},
            {"client_public_key": case["client_public_key"]},
            Signature("client_key_proof", case["client_public_key"], message),
        )
        yield asked
        typed = f" {case['code'][:3]}-{case['code'][3:]}"
        yield replace(asked, name=f"{asked.name}, typed with a dash", question={**asked.question, "code": typed})


def _requests() -> Generator[Case]:
    for case in vectors("signed_requests")["messages"]:
        method, _, target = case["message_type"].partition(" ")
        fields = {name: case[name] for name in ("device_session_id", "timestamp_ms", "request_id", "body_hex")}
        asked = {"method": method, "target": target, **fields}
        message = case["message_hex"]
        yield Case(f"signed bytes: {case['name']}", {"ask": "signed_bytes", **asked}, {"message_hex": message})
        right = {
            "galaxy-protocol-version": "v1",
            "galaxy-device-session-id": case["device_session_id"],
            "galaxy-timestamp-ms": str(case["timestamp_ms"]),
            "galaxy-request-id": case["request_id"],
            "galaxy-payload-hash": base64.b64encode(bytes.fromhex(case["payload_hash_hex"])).decode(),
        }
        yield Case(
            f"headers: {case['name']}",
            {"ask": "headers", "signing_key_hex": SIGNING_KEY_HEX, **asked},
            right,
            Signature("galaxy-signature", case["client_public_key"], message),
        )
