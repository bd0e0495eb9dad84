"""One page of the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.control_plane.audit import AuditCursor, ListedAuditRow


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Rows in the order of the list. The next page begins after the position `next`; at the end `next` is None.

    A page may have fewer rows than asked for, even none, and still be followed by another. A search for rare rows is
    cut into pages too, so that each page costs about the same.
    """

    rows: Sequence[ListedAuditRow]
    next: AuditCursor | None
