"""A node joins: the join string, the request with its proof, and the answer (SPEC §16)."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from contracts.encoding import encode
from contracts.node.names import read_name, read_software
from contracts.node.signed import ConfigKey, config_key_fields, read_config_keys
from contracts.signed_request import SIGNATURE_BYTES, decode_base64
from contracts.strict_json import Fields, decode_object, invalid, known_fields, read_count, read_object, read_text
from contracts.uvarint import length_prefixed

NodeStatus: TypeAlias = Literal["pending", "active", "revoked"]

JOIN_STRING_MARK: Final = "authsession_join_"
FINGERPRINT_BYTES: Final = 16
PUBLIC_KEY_BYTES: Final = 32
_JOIN_MARKER: Final = b"authsession-node-join-v1"
_KEY_CHANGE_MARKER: Final = b"authsession-node-key-v1"
_JOIN_STRING = re.compile(
    r"authsession_join_(?P<id>join-token-[0-9a-z]{26})\.(?P<secret>[A-Za-z0-9_-]{43})\.(?P<print>[A-Za-z0-9_-]{22})",
    re.ASCII,
)
_JOIN_NAMES = frozenset({
    "join_token", "node_name", "node_public_key", "node_encryption_key", "software", "proof",
})  # fmt: skip
_KEY_CHANGE_NAMES = frozenset({"node_public_key", "node_encryption_key", "proof"})
_ANSWER_NAMES = frozenset({"node", "config_keys", "server_time_ms"})
_NODE_NAMES = frozenset({"node_id", "pool", "node_name", "status"})


@dataclass(frozen=True, slots=True)
class JoinString:
    """The parts of a join string. `fingerprint` lets the joining node check whom it joins."""

    join_token_id: str
    secret: str = field(repr=False)
    fingerprint: str


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """The keys of a node in raw form, 32 bytes each: Ed25519 for signatures, X25519 for what is sealed to it."""

    public_key: bytes
    encryption_key: bytes


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """The body of `POST /api/v1/node/join`. The keys have the right length; nothing else about them is checked.

    `join_token` is None for a text that no join token can be. The server then answers as for a wrong one.
    """

    join_token: JoinString | None
    node_name: str
    keys: NodeKeys
    software: str | None
    proof: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyChange:
    """The body of `POST /api/v1/node/key`, which the old key signs as an envelope and the new key as `proof`."""

    keys: NodeKeys
    proof: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class JoinedNode:
    """The node as a join answers it."""

    node_id: str
    pool: str
    node_name: str
    status: NodeStatus


@dataclass(frozen=True, slots=True)
class JoinAnswer:
    """The answer to a join. A node trusts `config_keys` only if `fingerprint_of` one of them is in its join string."""

    node: JoinedNode
    config_keys: tuple[ConfigKey, ...]
    server_time_ms: int


def join_proof_message(join_token_id: str, keys: NodeKeys) -> bytes:
    """The bytes that the node key signs to join: marker, join token id, both public keys, each length-prefixed."""
    return length_prefixed(_JOIN_MARKER, join_token_id.encode(), keys.public_key, keys.encryption_key)


def key_change_message(node_id: str, keys: NodeKeys) -> bytes:
    """The bytes that a new node key signs: marker, node id, both new public keys, each length-prefixed."""
    return length_prefixed(_KEY_CHANGE_MARKER, node_id.encode(), keys.public_key, keys.encryption_key)


def fingerprint_of(public_key: bytes) -> str:
    """The first 16 bytes of the SHA-256 of a configuration public key, as 22 characters of base64url."""
    return base64.urlsafe_b64encode(hashlib.sha256(public_key).digest()[:FINGERPRINT_BYTES]).decode().rstrip("=")


def join_string(join_token_id: str, secret: str, newest_public_key: bytes) -> str:
    """The join string `authsession_join_<join_token_id>.<secret>.<fingerprint>`."""
    return f"{JOIN_STRING_MARK}{join_token_id}.{secret}.{fingerprint_of(newest_public_key)}"


def parse_join_string(text: str) -> JoinString | None:
    """The parts of a join string; None for any other text."""
    found = _JOIN_STRING.fullmatch(text)
    return None if found is None else JoinString(found["id"], found["secret"], found["print"])


def decode_join(body: bytes) -> JoinRequest:
    """The body of a join. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _JOIN_NAMES)
    return JoinRequest(
        parse_join_string(read_text(fields, "join_token")),
        read_name(fields, "node_name"),
        read_node_keys(fields),
        read_software(fields),
        _read_bytes(fields, "proof", SIGNATURE_BYTES),
    )


def encode_join(text: str, node_name: str, keys: NodeKeys, software: str | None, proof: bytes) -> bytes:
    """The body of a join. `text` is the whole join string."""
    asked = {"join_token": text, "node_name": node_name, **_key_fields(keys), "proof": _base64(proof)}
    return encode(asked if software is None else {**asked, "software": software})


def decode_key_change(body: bytes) -> KeyChange:
    """The body of a key change. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _KEY_CHANGE_NAMES)
    return KeyChange(read_node_keys(fields), _read_bytes(fields, "proof", SIGNATURE_BYTES))


def encode_key_change(change: KeyChange) -> bytes:
    """The body of `POST /api/v1/node/key`."""
    return encode({**_key_fields(change.keys), "proof": _base64(change.proof)})


def encode_join_answer(node: JoinedNode, config_keys: Sequence[ConfigKey], server_time_ms: int) -> bytes:
    """The answer to a join and to a key change."""
    return encode({
        "node": {
            "node_id": node.node_id, "pool": node.pool, "node_name": node.node_name, "status": node.status,
        },
        "config_keys": [config_key_fields(key) for key in config_keys],
        "server_time_ms": server_time_ms,
    })  # fmt: skip


def decode_join_answer(body: bytes) -> JoinAnswer:
    """The answer to a join. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _ANSWER_NAMES)
    node = known_fields(read_object(fields, "node"), _NODE_NAMES, within="node.")
    status = read_text(node, "status", within="node.")
    if status not in ("pending", "active"):
        raise invalid("node.status must be pending or active")
    return JoinAnswer(
        JoinedNode(
            read_text(node, "node_id", within="node."), read_name(node, "pool"), read_name(node, "node_name"), status
        ),
        read_config_keys(fields.get("config_keys"), "config_keys"),
        read_count(fields, "server_time_ms"),
    )


def read_node_keys(fields: Fields) -> NodeKeys:
    """The fields `node_public_key` and `node_encryption_key`. Raises `Refusal(INVALID_REQUEST)`."""
    return NodeKeys(
        _read_bytes(fields, "node_public_key", PUBLIC_KEY_BYTES),
        _read_bytes(fields, "node_encryption_key", PUBLIC_KEY_BYTES),
    )


def _read_bytes(fields: Fields, name: str, count: int) -> bytes:
    try:
        return decode_base64(read_text(fields, name), count)
    except ValueError as problem:
        raise invalid(f"{name} is {problem}") from None


def _key_fields(keys: NodeKeys) -> dict[str, object]:
    return {"node_public_key": _base64(keys.public_key), "node_encryption_key": _base64(keys.encryption_key)}


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
