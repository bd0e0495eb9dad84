"""The chain of seals over the audit trail (SPEC §10.8).

A seal is HMAC-SHA-256 (RFC 2104) over the previous seal, its own number and its row.
Without the key nobody can change a row, or make, move or leave out a seal, without breaking the chain.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.control_plane.audit import AuditRow
from services.internal_admin.audit.domain.row import canonical_form
from shared.kernel.keyring import Key, KeyRing

_SEAL = b"authsession-audit-seal-v1"
_CHECKPOINT = b"authsession-audit-checkpoint-v1"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the chain: the number of a seal, from 1, and its MAC. The last one, kept elsewhere, is an anchor."""

    seq: int
    mac: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.mac.hex()}"


GENESIS = Place(0, bytes(32))
"""The place before the first seal."""


@dataclass(frozen=True, slots=True)
class Seal:
    """One seal: its place, the row it covers, and the id of the key it was made with."""

    place: Place
    audit_id: int
    key_id: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The place where the chain begins since retention removed rows. Before that it is `GENESIS`, without a MAC."""

    place: Place = GENESIS
    key_id: str | None = None
    mac: bytes | None = None


def seal_mac(before: Place, row: AuditRow, key: Key) -> bytes:
    """The MAC of the seal that follows `before` and covers `row`."""
    message = _SEAL + before.mac + (before.seq + 1).to_bytes(8) + canonical_form(row)
    return hmac.digest(key.secret, message, "sha256")


def seal_rows(before: Place, rows: Iterable[AuditRow], key: Key) -> list[Seal]:
    """A seal for each row, in their order."""
    seals: list[Seal] = []
    for row in rows:
        before = Place(before.seq + 1, seal_mac(before, row, key))
        seals.append(Seal(before, row.audit_id, key.id))
    return seals


def seal_checkpoint(place: Place, key: Key) -> Checkpoint:
    """A checkpoint that only a holder of the key could make."""
    message = _CHECKPOINT + place.seq.to_bytes(8) + place.mac
    return Checkpoint(place, key.id, hmac.digest(key.secret, message, "sha256"))


def is_genuine(checkpoint: Checkpoint, keys: KeyRing) -> bool:
    """Whether a key of the ring made the checkpoint.

    `GENESIS` needs no key: the first seal after it must have the number 1.
    """
    if checkpoint.place == GENESIS:
        return True
    key = keys.get(checkpoint.key_id or "")
    made = seal_checkpoint(checkpoint.place, key) if key is not None else None
    return made is not None and hmac.compare_digest(made.mac or b"", checkpoint.mac or b"")
