"""Writes the golden data of nodes: `python -m tests.support.node_vectors`.

Every key is fixed, and Ed25519 is deterministic, so the files change only if the contracts do.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from clients.node.conformance.control_plane import RingKey, sign
from contracts.encoding import encode
from contracts.node.join import (
    NodeKeys,
    encode_join,
    fingerprint_of,
    join_proof_message,
    join_string,
    key_change_message,
)
from contracts.node.manifest import (
    Document,
    Manifest,
    Position,
    SecretReference,
    Statement,
    digest_of,
    encode_manifest,
    encode_statement,
)
from contracts.node.names import REDIS_USER_PATH, SECRETS_PATH
from contracts.node.redis_user import REDIS_USER_MARKER, RedisUser, encode_redis_user, redis_user_frame
from contracts.node.sealed import Sealed, signed_part
from contracts.node.secrets import (
    SECRET_MARKER,
    OpenedSecret,
    OpenSecrets,
    SecretVersion,
    encode_open_secrets,
    encode_opened,
    secret_frame,
)
from contracts.node.signed import MANIFEST_MARKER, STATEMENT_MARKER, Signed, config_key_fields, signed_fields
from tests.support import hpke

VECTORS = Path(__file__).parents[2] / "contracts/vectors"
OLD, NEW, STRANGER = (
    RingKey.new(name, bytes([number]) * 32) for number, name in enumerate(("old", "new", "stranger"), 1)
)
NODE = Ed25519PrivateKey.from_private_bytes(b"\x10" * 32)
NODE_ENCRYPTION = X25519PrivateKey.from_private_bytes(b"\x20" * 32)
NODE_KEYS = NodeKeys(NODE.public_key().public_bytes_raw(), NODE_ENCRYPTION.public_key().public_bytes_raw())
EPHEMERAL = X25519PrivateKey.from_private_bytes(b"\x30" * 32)
STRANGE_ENCRYPTION = X25519PrivateKey.from_private_bytes(b"\x40" * 32)
PASSWORD = "P" * 43
VERSION = SecretVersion("secret-01hzyqk3m8v5d2w7n4c6b9x1ta", 2)
OTHER_VERSION = SecretVersion("secret-01hzyqk3m8v5d2w7n4c6b9x1tb", 1)
AGENT_ID = "agent-01hzyqk3m8v5d2w7n4c6b9x1ta"
VALUES = {VERSION: "sk-live-P\u00e4ssword".encode(), OTHER_VERSION: bytes(range(256))}
NODE_ID = "node-01hzyqk3m8v5d2w7n4c6b9x1ta"
JOIN_TOKEN_ID = "join-token-01hzyqk3m8v5d2w7n4c6b9x1ta"
REQUEST_ID = "q3Zk0V1nT2e8uYb6wS4xAg"
NOW = datetime(2026, 4, 5, 12, tzinfo=UTC)
JOIN_STRING = join_string(JOIN_TOKEN_ID, "A" * 43, NEW.public.public_key)

CONTENT = encode({"mode": "fail_closed"})
MANIFEST = Manifest(
    "edge",
    Position(1775000000000, 7),
    NOW - timedelta(hours=1),
    NOW + timedelta(days=30),
    1,
    (NEW.public, OLD.public),
    (Document("gateway_config", "edge", 3, digest_of(CONTENT), len(CONTENT)),),
    (SecretReference("secret-01hzyqk3m8v5d2w7n4c6b9x1ta", 2, "gateway"),),
)
STATEMENT = Statement(
    NODE_ID, REQUEST_ID, "edge", MANIFEST.position, digest_of(encode_manifest(MANIFEST)), int(NOW.timestamp() * 1000)
)


def node_join() -> dict[str, Any]:
    proof = NODE.sign(join_proof_message(JOIN_TOKEN_ID, NODE_KEYS))
    change = key_change_message(NODE_ID, NODE_KEYS)
    return {
        "about": "SPEC 16.1. Node key: the seed 0x10 x 32. Encryption key: 0x20 x 32. Configuration key: 0x02 x 32.",
        "join_strings": [
            {
                "name": "a join string",
                "text": JOIN_STRING,
                "join_token_id": JOIN_TOKEN_ID,
                "fingerprint": fingerprint_of(NEW.public.public_key),
            }
        ],
        "refused_join_strings": [
            {"name": name, "text": text}
            for name, text in {
                "empty": "",
                "without a fingerprint": JOIN_STRING.rpartition(".")[0],
                "another token": JOIN_STRING.replace("authsession_join_", "authsession_"),
                "a short secret": JOIN_STRING.replace("A" * 43, "A" * 42),
                "an id in capitals": JOIN_STRING.replace("01hzyqk3m8", "01HZYQK3M8"),
                "a line feed at the end": JOIN_STRING + "\n",
            }.items()
        ],
        "fingerprints": [
            {
                "name": key.key_id,
                "public_key": _base64(key.public.public_key),
                "fingerprint": fingerprint_of(key.public.public_key),
            }
            for key in (OLD, NEW, STRANGER)
        ],
        "proofs": [
            {
                "name": "a join",
                "join_token_id": JOIN_TOKEN_ID,
                "signing_key_hex": NODE.private_bytes_raw().hex(),
                "node_public_key": _base64(NODE_KEYS.public_key),
                "node_encryption_key": _base64(NODE_KEYS.encryption_key),
                "message_hex": join_proof_message(JOIN_TOKEN_ID, NODE_KEYS).hex(),
                "proof": _base64(proof),
            }
        ],
        "key_changes": [
            {
                "name": "a key change",
                "node_id": NODE_ID,
                "signing_key_hex": NODE.private_bytes_raw().hex(),
                "node_public_key": _base64(NODE_KEYS.public_key),
                "node_encryption_key": _base64(NODE_KEYS.encryption_key),
                "message_hex": change.hex(),
                "proof": _base64(NODE.sign(change)),
            }
        ],
        "requests": [
            {
                "name": "a join with its software",
                "body": encode_join(JOIN_STRING, "gateway-1", NODE_KEYS, "example-gateway/1.2", proof).decode(),
            }
        ],
    }


def config_manifests() -> dict[str, Any]:
    good = _signed_manifest(MANIFEST, (NEW, OLD))
    payload = good.payload
    cases = [
        _manifest("signed by both keys", good, "accepted"),
        _manifest("signed by the old key, which is trusted", _signed_manifest(MANIFEST, (OLD,)), "accepted"),
        _manifest("trusted by the new key alone", good, "accepted", keys=(NEW,)),
        _manifest(
            "one changed byte", Signed(payload.replace(b'"edge"', b'"edgf"', 1), good.signatures), "untrusted_manifest"
        ),
        _manifest("signed by a stranger", _signed_manifest(MANIFEST, (STRANGER,)), "untrusted_manifest"),
        _manifest(
            "a stranger's signature under a trusted key id",
            _signed_manifest(MANIFEST, (_named(STRANGER, "new"),)),
            "untrusted_manifest",
        ),
        _manifest("a statement's signature", sign((NEW,), STATEMENT_MARKER, payload), "untrusted_manifest"),
        _manifest(
            "signed by a key that it does not list",
            _signed_manifest(replace(MANIFEST, config_keys=(OLD.public,)), (NEW,)),
            "untrusted_manifest",
        ),
        _manifest("of another pool", _signed_manifest(replace(MANIFEST, pool="other"), (NEW, OLD)), "another_pool"),
        _manifest(
            "not the one of the statement",
            _signed_manifest(replace(MANIFEST, documents=()), (NEW, OLD)),
            "another_manifest",
            digest=STATEMENT.digest,
        ),
        _manifest(
            "for newer software", _signed_manifest(replace(MANIFEST, compatibility=2), (NEW, OLD)), "incompatible"
        ),
        _manifest("expired a millisecond ago", good, "expired", now=MANIFEST.expires_at + timedelta(milliseconds=1)),
        _manifest(
            "of another format",
            sign((NEW, OLD), MANIFEST_MARKER, payload.replace(b'"format":1', b'"format":2')),
            "malformed_answer",
        ),
        _manifest("no JSON", sign((NEW, OLD), MANIFEST_MARKER, b"configuration"), "malformed_answer"),
    ]
    about = "SPEC 16.3. Private keys: old 0x01 x 32, new 0x02 x 32, stranger 0x03 x 32. Times are Unix milliseconds."
    return {"about": about, "manifests": cases}


def config_statements() -> dict[str, Any]:
    good = _signed_statement(STATEMENT)
    nowhere = replace(STATEMENT, position=Position(0, 0), digest=None)
    cases = [
        _statement("signed by both keys", good, "accepted", STATEMENT),
        _statement("no configuration yet", _signed_statement(nowhere), "accepted", nowhere),
        _statement(
            "one changed byte", Signed(good.payload.replace(b":7,", b":8,"), good.signatures), "untrusted_statement"
        ),
        _statement("signed by a stranger", _signed_statement(STATEMENT, (STRANGER,)), "untrusted_statement"),
        _statement("a manifest's signature", sign((NEW,), MANIFEST_MARKER, good.payload), "untrusted_statement"),
        _statement(
            "for another node", _signed_statement(replace(STATEMENT, node_id=NODE_ID[:-1] + "b")), "another_node"
        ),
        _statement(
            "for an earlier request", _signed_statement(replace(STATEMENT, request_id="yesterday")), "not_fresh"
        ),
        _statement("of another pool", _signed_statement(replace(STATEMENT, pool="other")), "another_pool"),
        _statement(
            "a position without a digest", _signed_statement(replace(STATEMENT, digest=None)), "malformed_answer"
        ),
    ]
    return {"about": "SPEC 16.3. The keys are those of config_manifests.json.", "statements": cases}


def node_redis_users() -> dict[str, Any]:
    good = _redis_user()
    return {
        "about": (
            "SPEC 16.9. `info_hex` is HPKE's info; `encryption_key_hex` is the node's private key. Configuration keys: "
            "those of config_manifests.json. The ephemeral key of HPKE: 0x30 x 32."
        ),
        "exchanges": [
            _redis_exchange("a password", good, "accepted"),
            _redis_exchange("the answer to another request", _redis_user(request_id="yesterday"), "untrusted_secret"),
            _redis_exchange("for another node", _redis_user(node_id=NODE_ID[:-1] + "b"), "untrusted_secret"),
            _redis_exchange("signed by a stranger", _redis_user(ring=(STRANGER,)), "untrusted_secret"),
            _redis_exchange("a manifest's signature", _redis_user(marker=MANIFEST_MARKER), "untrusted_secret"),
            _redis_exchange("another user's name", replace(good, username=NODE_ID[:-1] + "c"), "untrusted_secret"),
            _redis_exchange(
                "another generation", replace(good, sealed=replace(good.sealed, key_generation=2)), "untrusted_secret"
            ),
            _redis_exchange("sealed to another key", _redis_user(to=STRANGE_ENCRYPTION), "untrusted_secret"),
        ],
    }


def _redis_user(
    *,
    node_id: str = NODE_ID,
    request_id: str = REQUEST_ID,
    ring: Sequence[RingKey] = (NEW, OLD),
    marker: bytes = REDIS_USER_MARKER,
    to: X25519PrivateKey = NODE_ENCRYPTION,
) -> RedisUser:
    frame = redis_user_frame(node_id, request_id, 1, NODE_ID)
    value = hpke.seal(PASSWORD.encode(), to.public_key().public_bytes_raw(), frame, EPHEMERAL)
    return RedisUser(NODE_ID, Sealed(1, value, sign(ring, marker, signed_part(frame, value)).signatures))


def _redis_exchange(name: str, user: RedisUser, verdict: str) -> dict[str, Any]:
    case = {
        "name": name,
        "operation": "renew_redis_user",
        "method": "POST",
        "path": REDIS_USER_PATH,
        "node_id": NODE_ID,
        "request_id": REQUEST_ID,
        "encryption_key_hex": NODE_ENCRYPTION.private_bytes_raw().hex(),
        "config_keys": [config_key_fields(key.public) for key in (NEW, OLD)],
        "status": 200,
        "response": json.loads(encode_redis_user(user)),
        "verdict": verdict,
    }
    info = redis_user_frame(NODE_ID, REQUEST_ID, 1, NODE_ID).hex()
    return case if verdict != "accepted" else {**case, "info_hex": info, "password": PASSWORD}


def secret_deliveries() -> dict[str, Any]:
    good, other = _opened(VERSION), _opened(OTHER_VERSION)
    lies = {
        "the answer to another request": _opened(VERSION, request_id="yesterday"),
        "for another node": _opened(VERSION, node_id=NODE_ID[:-1] + "b"),
        "of another version": replace(_opened(VERSION._replace(version=1)), version=VERSION),
        "of another secret": replace(other, version=VERSION),
        "of another generation": replace(good, sealed=replace(good.sealed, key_generation=2)),
        "signed by a stranger": _opened(VERSION, ring=(STRANGER,)),
        "signed by a stranger under a trusted key id": _opened(VERSION, ring=(_named(STRANGER, "new"),)),
        "with a signature of a user of Redis": _opened(VERSION, marker=REDIS_USER_MARKER),
        "sealed to another key": _opened(VERSION, to=STRANGE_ENCRYPTION),
        "with one changed byte": replace(
            good, sealed=replace(good.sealed, value=good.sealed.value[:-1] + bytes([good.sealed.value[-1] ^ 1]))
        ),
    }
    return {
        "about": (
            "SPEC 17.3. `encryption_key_hex` is the node's private key, `info_hex` HPKE's info of each secret, and "
            "`values` are the plain texts in base64. Configuration keys: those of config_manifests.json. The ephemeral "
            "key of HPKE: 0x30 x 32."
        ),
        "exchanges": [
            _delivery("one secret", [good], "accepted"),
            _delivery("a secret of bytes", [other], "accepted"),
            _delivery("two secrets", [good, other], "accepted"),
            *(_delivery(name, [lie], "untrusted_secret") for name, lie in lies.items()),
            _delivery("one true and one false", [good, replace(good, version=OTHER_VERSION)], "untrusted_secret"),
            _delivery("fewer than were asked for", [good], "malformed_answer", asked=(VERSION, OTHER_VERSION)),
            _delivery("others than were asked for", [other], "malformed_answer", asked=(VERSION,)),
        ],
    }


def _opened(
    version: SecretVersion,
    *,
    node_id: str = NODE_ID,
    request_id: str = REQUEST_ID,
    ring: Sequence[RingKey] = (NEW, OLD),
    marker: bytes = SECRET_MARKER,
    to: X25519PrivateKey = NODE_ENCRYPTION,
) -> OpenedSecret:
    frame = secret_frame(node_id, request_id, 1, version)
    plain = VALUES.get(version, b"an older value")
    value = hpke.seal(plain, to.public_key().public_bytes_raw(), frame, EPHEMERAL)
    return OpenedSecret(version, Sealed(1, value, sign(ring, marker, signed_part(frame, value)).signatures))


def _delivery(
    name: str, opened: Sequence[OpenedSecret], verdict: str, *, asked: tuple[SecretVersion, ...] | None = None
) -> dict[str, Any]:
    versions = asked or tuple(each.version for each in opened)
    case = {
        "name": name,
        "operation": "open_secrets",
        "method": "POST",
        "path": SECRETS_PATH,
        "node_id": NODE_ID,
        "request_id": REQUEST_ID,
        "encryption_key_hex": NODE_ENCRYPTION.private_bytes_raw().hex(),
        "config_keys": [config_key_fields(key.public) for key in (NEW, OLD)],
        "status": 200,
        "request": json.loads(encode_open_secrets(OpenSecrets(versions, AGENT_ID, "task-1"))),
        "response": json.loads(encode_opened(opened)),
        "verdict": verdict,
    }
    if verdict != "accepted":
        return case
    infos = [secret_frame(NODE_ID, REQUEST_ID, 1, each).hex() for each in versions]
    return {**case, "info_hex": infos, "values": [_base64(VALUES[each]) for each in versions]}


def write() -> None:
    """Writes the files."""
    for name, content in all_vectors().items():
        (VECTORS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def all_vectors() -> dict[str, dict[str, Any]]:
    """The content of each file, by its name without `.json`."""
    return {
        "node_join": node_join(),
        "config_manifests": config_manifests(),
        "config_statements": config_statements(),
        "node_redis_users": node_redis_users(),
        "secret_deliveries": secret_deliveries(),
    }


def _manifest(
    name: str,
    signed: Signed,
    verdict: str,
    *,
    keys: Sequence[RingKey] = (NEW, OLD),
    digest: str | None = None,
    now: datetime = NOW,
) -> dict[str, Any]:
    case: dict[str, Any] = {
        "name": name,
        "signed": signed_fields(signed),
        "config_keys": [config_key_fields(key.public) for key in keys],
        "pool": "edge",
        "position": list(MANIFEST.position),
        "digest": digest or digest_of(signed.payload),
        "now_ms": int(now.timestamp() * 1000),
        "verdict": verdict,
    }
    return case if verdict != "accepted" else {**case, "documents": [each.digest for each in MANIFEST.documents]}


def _statement(name: str, signed: Signed, verdict: str, right: Statement | None = None) -> dict[str, Any]:
    case: dict[str, Any] = {
        "name": name,
        "signed": signed_fields(signed),
        "config_keys": [config_key_fields(key.public) for key in (NEW, OLD)],
        "node_id": NODE_ID,
        "request_id": REQUEST_ID,
        "pool": "edge",
        "verdict": verdict,
    }
    return case if right is None else {**case, "position": list(right.position), "digest": right.digest}


def _signed_manifest(manifest: Manifest, ring: Sequence[RingKey]) -> Signed:
    return sign(ring, MANIFEST_MARKER, encode_manifest(manifest))


def _signed_statement(statement: Statement, ring: Sequence[RingKey] = (NEW, OLD)) -> Signed:
    return sign(ring, STATEMENT_MARKER, encode_statement(statement))


def _named(key: RingKey, key_id: str) -> RingKey:
    return RingKey(key_id, key.private)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


if __name__ == "__main__":
    write()
