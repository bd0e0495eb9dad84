"""The node's keys and membership on disk, and the envelopes it signs."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from clients.node.disk import Folder
from contracts.encoding import encode
from contracts.errors import Refusal
from contracts.node.join import NodeKeys
from contracts.node.names import read_name
from contracts.node.signed import ConfigKey, config_key_fields, read_config_keys
from contracts.signed_request import Envelope, decode_base64, encode_envelope, signed_bytes
from contracts.strict_json import decode_object, read_text

MAX_FILE_BYTES = 16 * 1024
_KEYS, _NEXT_KEYS, _MEMBER = "keys.json", "next-keys.json", "node.json"


@dataclass(frozen=True, slots=True)
class PrivateKeys:
    """The two private keys of a node."""

    signing: Ed25519PrivateKey = field(repr=False)
    encryption: X25519PrivateKey = field(repr=False)

    @property
    def public(self) -> NodeKeys:
        return NodeKeys(self.signing.public_key().public_bytes_raw(), self.encryption.public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class Member:
    """The node as the control plane knows it. `config_keys` are trusted until a configuration brings newer ones."""

    node_id: str
    pool: str
    config_keys: tuple[ConfigKey, ...]


Headers: TypeAlias = dict[str, str]


class Identity:
    """Keys are made at the first start. A key change keeps both pairs of keys until the new ones are proved to work."""

    def __init__(self, folder: Folder) -> None:
        """Reads or makes the keys. Blocks. Raises `OSError` and `ValueError` for an unusable file.

        A damaged membership is none: a repeated join with the same keys brings it back.
        """
        self._folder = folder
        self.is_damaged = False
        try:
            self._keys = self._read_keys(_KEYS) or self._make_keys(_KEYS)
            self._next = self._read_keys(_NEXT_KEYS)
        except Refusal:
            raise ValueError(f"a key file in {folder.path} is damaged; empty the folder and join anew") from None
        try:
            self.member = self._read_member()
        except Refusal:
            self.member, self.is_damaged = None, True
        self.uses_next = False

    @property
    def keys(self) -> PrivateKeys:
        return self._next if self.uses_next and self._next is not None else self._keys

    def every_keys(self) -> tuple[PrivateKeys, ...]:
        """The keys in use first, then the other pair of an open key change."""
        return (self.keys, *(each for each in (self._keys, self._next) if each is not None and each is not self.keys))

    def sign(self, message_type: str, body: bytes, *, timestamp_ms: int, request_id: str) -> Headers:
        """The envelope's headers of one request."""
        assert self.member is not None
        payload_hash = hashlib.sha256(body).digest()
        message = signed_bytes(
            device_session_id=self.member.node_id,
            message_type=message_type,
            timestamp_ms=timestamp_ms,
            request_id=request_id,
            payload_hash=payload_hash,
        )
        signature = self.keys.signing.sign(message)
        return encode_envelope(Envelope(self.member.node_id, timestamp_ms, request_id, payload_hash, signature))

    def enter(self, member: Member) -> None:
        """Keeps the membership. Blocks."""
        fields = {
            "node_id": member.node_id,
            "pool": member.pool,
            "config_keys": [config_key_fields(key) for key in member.config_keys],
        }
        self._folder.save(_MEMBER, encode(fields))
        self.member = member

    def next_keys(self) -> PrivateKeys:
        """The keys of a key change that is not proved yet; new ones if there is none. Blocks."""
        if self._next is None:
            self._next = self._make_keys(_NEXT_KEYS)
        return self._next

    def try_other_keys(self) -> bool:
        """Signs with the other pair from now on, if a key change is open. Returns whether there is one."""
        if self._next is None:
            return False
        self.uses_next = not self.uses_next
        return True

    def confirm_next(self) -> None:
        """Ends the key change: the control plane proved that it takes the new keys. Blocks."""
        if self._next is not None:
            self._folder.rename(_NEXT_KEYS, _KEYS)
            self._folder.sync()
            self._keys, self._next, self.uses_next = self._next, None, False

    def _make_keys(self, name: str) -> PrivateKeys:
        keys = PrivateKeys(Ed25519PrivateKey.generate(), X25519PrivateKey.generate())
        raw = {"signing_key": keys.signing.private_bytes_raw(), "encryption_key": keys.encryption.private_bytes_raw()}
        fields = {field: base64.b64encode(value).decode("ascii") for field, value in raw.items()}
        self._folder.save(name, encode(fields))
        return keys

    def _read_keys(self, name: str) -> PrivateKeys | None:
        content = self._folder.read(name, MAX_FILE_BYTES)
        if content is None:
            return None
        fields = decode_object(content)
        signing, encryption = (decode_base64(read_text(fields, key), 32) for key in ("signing_key", "encryption_key"))
        return PrivateKeys(
            Ed25519PrivateKey.from_private_bytes(signing), X25519PrivateKey.from_private_bytes(encryption)
        )

    def _read_member(self) -> Member | None:
        content = self._folder.read(_MEMBER, MAX_FILE_BYTES)
        if content is None:
            return None
        fields = decode_object(content)
        return Member(
            read_text(fields, "node_id"),
            read_name(fields, "pool"),
            read_config_keys(fields.get("config_keys"), "config_keys"),
        )
