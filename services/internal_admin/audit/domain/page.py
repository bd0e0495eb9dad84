"""Domain: one page of the audit trail. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.control_plane.audit import AuditCursor, ListedAuditRow


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Rows in the order of the list, and the position after which the next page begins; None at the end.

    A page may have fewer rows than asked for, even none, and yet be followed by another: looking for rare rows is cut
    into pages too, so that each costs about the same.
    """

    rows: Sequence[ListedAuditRow]
    next: AuditCursor | None
