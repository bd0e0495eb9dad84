"""The check of the audit trail, link by link in the order of the chain (SPEC §10.8).

The check compares stored rows and seals by means of the key.
A writer of the tables can also cut off the end of the chain, or all of it.
Only an anchor shows that: a place of the chain that was kept elsewhere.
"""

import hmac
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from contracts.control_plane.audit import AuditRow
from services.internal_admin.audit.domain.chain import GENESIS, Checkpoint, Place, Seal, is_genuine, seal_mac
from services.internal_admin.audit.domain.unseen_ids import PATIENCE
from shared.kernel.keyring import KeyRing


@dataclass(frozen=True, slots=True)
class Link:
    """A seal and its row. `row` is None if the row is gone."""

    seal: Seal
    row: AuditRow | None


class ChainCheck:
    """One walk over the chain: `begin`, then `check` for each link in the order of numbers, then `end`.

    Each of them yields findings, one sentence per finding. After a finding the walk goes on from the stored seal, so
    that one change gives one finding. Memory is bounded.
    """

    def __init__(self, keys: KeyRing, anchors: Iterable[Place]) -> None:
        """`anchors`: places that the chain once had."""
        self._keys = keys
        self._anchors: dict[int, set[bytes]] = {}
        for anchor in anchors:
            self._anchors.setdefault(anchor.seq, set()).add(anchor.mac)
        self._last = GENESIS
        self._is_last_known = True
        self._newest: datetime | None = None
        self._without_key: Counter[str] = Counter()
        self.checked = 0

    @property
    def last(self) -> Place:
        """The place that was checked last."""
        return self._last

    @property
    def uncompared_anchors(self) -> list[int]:
        """Numbers of the anchors that are older than the beginning of the chain."""
        return sorted(self._anchors)

    def begin(self, checkpoint: Checkpoint) -> Iterator[str]:
        """Start at the checkpoint. Call it again if retention moved the checkpoint past a walk under way."""
        if not is_genuine(checkpoint, self._keys):
            yield f"the checkpoint, seal {checkpoint.place.seq}, is forged, or its key {checkpoint.key_id} is not given"
        self._last, self._is_last_known = checkpoint.place, True
        yield from self._compare_anchor(checkpoint.place)

    def check(self, link: Link) -> Iterator[str]:
        """Findings about the next link."""
        seal, row = link.seal, link.row
        yield from self._missing_before(seal.place.seq)
        yield from self._compare_anchor(seal.place)
        if row is None:
            yield f"row {seal.audit_id} is gone, its seal {seal.place.seq} is there"
        elif self._is_last_known:
            yield from self._compare(seal, row)
        self._last, self._is_last_known = seal.place, True
        self.checked += 1

    def end(self) -> Iterator[str]:
        """Findings that only the end of the chain can show."""
        for key_id, count in sorted(self._without_key.items()):
            yield f"the key {key_id} is not given: {count} rows sealed with it cannot be checked"
        for seq in [seq for seq in self._anchors if seq > self._last.seq]:
            del self._anchors[seq]
            yield f"the end is cut off: the chain ends at seal {self._last.seq}, there was a seal {seq}"

    def is_overdue(self, occurred_at: datetime) -> bool:
        """Whether a row without a seal should have one, because much younger rows have one."""
        return self._newest is not None and occurred_at < self._newest - PATIENCE

    def _missing_before(self, seq: int) -> Iterator[str]:
        first = self._last.seq + 1
        if seq == first:
            return
        self._is_last_known = False
        for missing in [each for each in self._anchors if first <= each < seq]:
            del self._anchors[missing]
        yield f"seals {first} to {seq - 1} are gone; the row of seal {seq} cannot be checked without them"

    def _compare_anchor(self, place: Place) -> Iterator[str]:
        if self._anchors.pop(place.seq, set()) - {place.mac}:
            yield f"seal {place.seq} is not the one that the anchor names"

    def _compare(self, seal: Seal, row: AuditRow) -> Iterator[str]:
        key = self._keys.get(seal.key_id)
        if key is None:
            self._without_key[seal.key_id] += 1
        elif not hmac.compare_digest(seal_mac(self._last, row, key), seal.place.mac):
            yield f"row {row.audit_id} or its seal {seal.place.seq} was changed"
        elif self.is_overdue(row.occurred_at):
            yield f"row {row.audit_id} (seal {seal.place.seq}) has a time long before rows sealed earlier"
        else:
            self._newest = max(row.occurred_at, self._newest or row.occurred_at)
