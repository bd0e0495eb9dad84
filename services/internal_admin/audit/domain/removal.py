"""The rows that may be removed by age from the beginning of the audit chain."""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from services.internal_admin.audit.domain.chain import Checkpoint, Place, is_genuine, seal_mac
from services.internal_admin.audit.domain.check import Link
from shared.kernel.keyring import KeyRing


@dataclass(frozen=True, slots=True)
class Broken:
    """The link after `after` differs from its seal, or its key is not given. All links stay, as evidence."""

    after: Place


def removable_links(
    checkpoint: Checkpoint, links: Iterable[Link], *, cutoff: datetime, last_seq: int, keys: KeyRing
) -> Sequence[Link] | Broken:
    """The longest prefix whose rows are all from before `cutoff`, without the last seal of the chain.

    The prefix is checked first: a row that somebody made look old must not be removed under a genuine checkpoint.
    """
    aged = list(takewhile(lambda link: link.seal.place.seq < last_seq and _is_aged(link, cutoff), links))
    place = checkpoint.place
    if not is_genuine(checkpoint, keys):
        return Broken(place)
    for link in aged:
        if not _follows(place, link, keys):
            return Broken(place)
        place = link.seal.place
    return aged


def _is_aged(link: Link, cutoff: datetime) -> bool:
    return link.row is None or link.row.occurred_at < cutoff


def _follows(before: Place, link: Link, keys: KeyRing) -> bool:
    key, place = keys.get(link.seal.key_id), link.seal.place
    if link.row is None or key is None or place.seq != before.seq + 1:
        return False
    return hmac.compare_digest(seal_mac(before, link.row, key), place.mac)
