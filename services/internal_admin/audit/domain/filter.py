"""Domain: which rows of the audit trail a reader asks for, and where a page ends. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.internal_admin.audit.domain.row import AuditRow


class Position(NamedTuple):
    """A place in the list, which is by time and then by id."""

    occurred_at: datetime
    audit_id: int


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Rows with all that is given: equal to it, from `since` on and before `until`."""

    event: str | None = None
    outcome: str | None = None
    caller: str | None = None
    actor_type: str | None = None
    actor_id: str | None = None
    subject: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row, and the number of its seal; None while it has none."""

    row: AuditRow
    seq: int | None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Rows in the order of the list, and the position after which the next page begins; None at the end.

    A page may have fewer rows than asked for, even none, and yet be followed by another: looking for rare rows is cut
    into pages too, so that each costs about the same.
    """

    rows: Sequence[ListedRow]
    next: Position | None
