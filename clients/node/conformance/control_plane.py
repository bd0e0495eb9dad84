"""A small control plane on loopback for one pool. It behaves well until it is told to behave badly."""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from clients.node.conformance.loopback import Answered, Asked, Loopback
from clients.node.machine import wall_clock
from contracts.encoding import encode
from contracts.node.join import (
    JoinedNode,
    JoinRequest,
    decode_join,
    decode_key_change,
    encode_join_answer,
    join_proof_message,
    join_string,
    key_change_message,
)
from contracts.node.manifest import (
    COMPATIBILITY,
    NOWHERE,
    Document,
    Manifest,
    Position,
    SecretReference,
    Statement,
    digest_of,
    encode_manifest,
    encode_statement,
)
from contracts.node.names import CONFIG_PATH, DOCUMENTS_PATH, JOIN_PATH, KEY_PATH, SECRETS_PATH, STATUS_PATH
from contracts.node.poll import Poll, decode_poll, encode_poll_answer
from contracts.node.sealed import Sealed, signed_part
from contracts.node.secrets import (
    SECRET_MARKER,
    OpenedSecret,
    SecretVersion,
    decode_open_secrets,
    encode_opened,
    secret_frame,
)
from contracts.node.signed import (
    MANIFEST_MARKER,
    STATEMENT_MARKER,
    ConfigKey,
    Signature,
    Signed,
    signed_message,
)
from contracts.node.status import Status, decode_status, encode_recorded
from contracts.signed_request import Envelope, EnvelopeRefused, decode_envelope, signed_bytes

POOL = "edge"
SECRET = "s" * 43
JOIN_TOKEN = "join-token-01hzyqk3m8v5d2w7n4c6b9x1ta"  # noqa: S105 - an id
KIND = "conformance"
_WINDOW_MS = 30_000
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class RingKey:
    key_id: str
    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def new(cls, key_id: str, seed: bytes | None = None) -> "RingKey":
        key = Ed25519PrivateKey.generate() if seed is None else Ed25519PrivateKey.from_private_bytes(seed)
        return cls(key_id, key)

    @property
    def public(self) -> ConfigKey:
        return ConfigKey(self.key_id, self.private.public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class Head:
    """The current configuration of the pool."""

    position: Position = NOWHERE
    signed: Signed | None = None
    contents: Mapping[str, bytes] = field(default_factory=dict[str, bytes])

    @property
    def digest(self) -> str | None:
        return None if self.signed is None else digest_of(self.signed.payload)


@dataclass(slots=True)
class FakeNode:
    node_id: str
    node_name: str
    public_keys: list[bytes]
    status: str = "active"
    join_body: bytes = b""
    encryption_key: bytes = b""
    generation: int = 1


def sign(ring: Sequence[RingKey], marker: bytes, payload: bytes) -> Signed:
    """The payload with a signature of each key."""
    message = signed_message(marker, payload)
    return Signed(payload, tuple(Signature(key.key_id, key.private.sign(message)) for key in ring))


class ControlPlane:
    """`answer_instead`, if set, sees each request with the honest answer, and returns the answer to send.

    `lock` guards all state; `statuses`, `asked` and `joins` grow with each request.
    """

    def __init__(self) -> None:
        self.ring = [RingKey.new("config-1")]
        self.head = Head()
        self.nodes: dict[str, FakeNode] = {}
        self.statuses: list[Status] = []
        self.asked: list[str] = []
        self.joins: list[bytes] = []
        self.statement_ring: list[RingKey] | None = None
        self.secrets: dict[SecretVersion, bytes] = {}
        self.approves = True
        self.clock_ms = lambda: wall_clock() * 1000
        self.answer_instead: Callable[[Asked, Answered], Answered] | None = None
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._wakes = 0
        self._replays: set[str] = set()
        self._epoch = int(wall_clock() * 1000)
        self.server = Loopback(self._handle)

    @property
    def join_string(self) -> str:
        return join_string(JOIN_TOKEN, SECRET, self.ring[0].public.public_key)

    def activate(
        self,
        documents: Mapping[str, bytes],
        *,
        position: Position | None = None,
        life: float = 30 * 86400,
        ring: Sequence[RingKey] | None = None,
        pool: str = POOL,
        compatibility: int = COMPATIBILITY,
        secrets: Sequence[SecretReference] = (),
    ) -> Head:
        """Makes these documents, by name, the current configuration at the next position. `life` is in seconds."""
        with self.lock:
            at = position or Position(self._epoch, self.head.position.sequence + 1)
            now = datetime.fromtimestamp(self.clock_ms() / 1000, UTC)
            listed = tuple(
                Document(KIND, name, 1, digest_of(content), len(content)) for name, content in documents.items()
            )
            keys = tuple(key.public for key in self.ring)
            until = now + timedelta(seconds=life)
            manifest = Manifest(pool, at, now, until, compatibility, keys, listed, tuple(secrets))
            signed = sign(ring or self.ring, MANIFEST_MARKER, encode_manifest(manifest))
            return self.put(Head(at, signed, {digest_of(each): each for each in documents.values()}))

    def put(self, head: Head) -> Head:
        """Makes the head the current one, and wakes held polls."""
        with self.lock:
            self.head = head
            self.wake()
            return head

    def wake(self) -> None:
        """Ends all held polls."""
        with self.lock:
            self._wakes += 1
            self._changed.notify_all()

    def set_status(self, status: str) -> None:
        """All nodes are `active`, `pending`, `revoked` or `unknown` from now on."""
        with self.lock:
            for node in self.nodes.values():
                node.status = status
            self.wake()

    def statement(self, node_id: str, request_id: str, head: Head) -> Signed:
        issued = int(self.clock_ms())
        statement = Statement(node_id, request_id, POOL, head.position, head.digest, issued)
        return sign(self.statement_ring or self.ring, STATEMENT_MARKER, encode_statement(statement))

    def _handle(self, asked: Asked) -> Answered:
        with self.lock:
            self.asked.append(f"{asked.method} {asked.target}")
        honest = self.honest(asked)  # a held poll may end after a lie began
        return honest if self.answer_instead is None else self.answer_instead(asked, honest)

    def honest(self, asked: Asked) -> Answered:
        """The answer of a control plane that behaves well."""
        if asked.path == JOIN_PATH:
            return self._join(asked)
        proved = self._proved(asked)
        if isinstance(proved, Answered):
            return proved
        node, envelope = proved
        if asked.path == CONFIG_PATH:
            return self._config(node, envelope, decode_poll(asked.query))
        if asked.path == KEY_PATH:
            return self._change_key(node, asked)
        if asked.path == SECRETS_PATH:
            return self._open_secrets(node, envelope, asked)
        return self._other(asked)

    def _other(self, asked: Asked) -> Answered:
        if asked.path == STATUS_PATH:
            with self.lock:
                self.statuses.append(decode_status(asked.body))
            return Answered(200, encode_recorded())
        if asked.path.startswith(DOCUMENTS_PATH + "/"):
            content = self.head.contents.get(asked.path.removeprefix(DOCUMENTS_PATH + "/"))
            return refused(404, "document_not_found") if content is None else Answered(200, content)
        return Answered(200, b"{}")

    def delivery(
        self, node_id: str, request_id: str, version: SecretVersion, *, ring: Sequence[RingKey] | None = None
    ) -> OpenedSecret:
        """A version sealed to the node with this id, for its request."""
        node = next(iter(self.nodes.values()))
        frame = secret_frame(node_id, request_id, node.generation, version)
        value = _SUITE.encrypt(self.secrets[version], X25519PublicKey.from_public_bytes(node.encryption_key), frame)
        signatures = sign(self.ring if ring is None else ring, SECRET_MARKER, signed_part(frame, value)).signatures
        return OpenedSecret(version, Sealed(node.generation, value, signatures))

    def _open_secrets(self, node: FakeNode, envelope: Envelope, asked: Asked) -> Answered:
        versions = decode_open_secrets(asked.body).versions
        if any(each not in self.secrets for each in versions):
            return refused(403, "secret_not_granted")
        return Answered(
            200, encode_opened([self.delivery(node.node_id, envelope.request_id, each) for each in versions])
        )

    def _join(self, asked: Asked) -> Answered:
        request = decode_join(asked.body)
        given = request.join_token
        if given is None or (given.join_token_id, given.secret) != (JOIN_TOKEN, SECRET) or not _is_proved(request):
            return refused(401, "invalid_join_token")
        with self.lock:
            self.joins.append(asked.body)
            known = [node for node in self.nodes.values() if request.keys.public_key in node.public_keys]
            if not known and self.nodes:
                return refused(401, "invalid_join_token")
            node = known[0] if known else self._enter(request, asked.body)
            if node.join_body != asked.body:
                return refused(401, "invalid_join_token")
        joined = JoinedNode(node.node_id, POOL, node.node_name, "active" if self.approves else "pending")
        keys = tuple(key.public for key in self.ring)
        return Answered(200, encode_join_answer(joined, keys, int(self.clock_ms())))

    def _enter(self, request: JoinRequest, body: bytes) -> FakeNode:
        node_id = f"node-{len(self.nodes) + 1:026d}"
        status = "active" if self.approves else "pending"
        keys = request.keys
        self.nodes[node_id] = FakeNode(
            node_id, request.node_name, [keys.public_key], status, body, keys.encryption_key
        )  # fmt: skip
        return self.nodes[node_id]

    def _proved(self, asked: Asked) -> tuple[FakeNode, Envelope] | Answered:
        try:
            envelope = decode_envelope((name.encode(), value.encode()) for name, value in asked.headers.items())
        except EnvelopeRefused as problem:
            return refused(400, problem.refusal.value)
        node = self.nodes.get(envelope.device_session_id)
        if node is None or node.status in ("unknown", "revoked"):
            return refused(401, "node_unknown" if node is None else f"node_{node.status}")
        if not _is_signed(envelope, asked, node.public_keys):
            return refused(401, "invalid_signature")
        return self._fresh(envelope) or (
            refused(403, "node_not_approved", retry_after=1) if node.status == "pending" else (node, envelope)
        )

    def _fresh(self, envelope: Envelope) -> Answered | None:
        """The refusal of an envelope of another time, or of one that came before."""
        if abs(self.clock_ms() - envelope.timestamp_ms) > _WINDOW_MS:
            when = datetime.fromtimestamp(self.clock_ms() / 1000, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
            return replace(refused(401, "timestamp_out_of_window"), headers={"date": when})
        with self.lock:
            if envelope.request_id in self._replays:
                return refused(401, "request_replayed")
            self._replays.add(envelope.request_id)
        return None

    def _config(self, node: FakeNode, envelope: Envelope, poll: Poll) -> Answered:
        with self.lock:
            wakes = self._wakes
            self._changed.wait_for(
                lambda: wakes != self._wakes or self.head.digest not in (poll.have, poll.rejected), poll.wait
            )
            head = self.head
            if node.status != "active":
                return refused(401, f"node_{node.status}")
        is_seen = head.digest in (poll.have, poll.rejected)
        statement = self.statement(node.node_id, envelope.request_id, head)
        return Answered(200, encode_poll_answer(statement, None if is_seen else head.signed))

    def _change_key(self, node: FakeNode, asked: Asked) -> Answered:
        change = decode_key_change(asked.body)
        message = key_change_message(node.node_id, change.keys)
        if not _verifies(change.keys.public_key, change.proof, message):
            return refused(400, "invalid_node_key")
        with self.lock:
            if change.keys.public_key not in node.public_keys:
                node.public_keys.append(change.keys.public_key)
                node.encryption_key, node.generation = change.keys.encryption_key, node.generation + 1
        joined = JoinedNode(node.node_id, POOL, node.node_name, "active")
        return Answered(200, encode_join_answer(joined, [self.ring[0].public], int(self.clock_ms())))


def refused(status: int, code: str, *, retry_after: int | None = None) -> Answered:
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return Answered(status, encode({"error": {"code": code, "message": "refused"}}), headers)


def _is_proved(request: JoinRequest) -> bool:
    assert request.join_token is not None
    message = join_proof_message(request.join_token.join_token_id, request.keys)
    return _verifies(request.keys.public_key, request.proof, message)


def _is_signed(envelope: Envelope, asked: Asked, public_keys: Sequence[bytes]) -> bool:
    message = signed_bytes(
        device_session_id=envelope.device_session_id,
        message_type=f"{asked.method} {asked.target}",
        timestamp_ms=envelope.timestamp_ms,
        request_id=envelope.request_id,
        payload_hash=hashlib.sha256(asked.body).digest(),
    )
    return any(_verifies(key, envelope.signature, message) for key in public_keys)


def _verifies(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
