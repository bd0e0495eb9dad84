"""The workers that remove rows at the end of their retention (SPEC §5.4).

Batches are small and followed by rests, so that no request waits for them.
Reasons: docs/decisions/0012-retention.md.
"""

from collections.abc import Mapping
from datetime import timedelta

import trio
from opentelemetry import metrics

from services.internal_admin.retention.domain import MAX_REST, TOLERATED, falls_behind, next_rest
from services.internal_admin.retention.store import remove_aged, remove_unused_emails
from shared.io.postgres import Postgres

BATCH = 100
PAGE = 500
IDLE = timedelta(hours=1)

_METER = metrics.get_meter("authsession")
_REMOVED = _METER.create_counter(
    "authsession.retention.removed", unit="{row}", description="Rows removed at the end of their retention, by kind."
)
_LATE = _METER.create_gauge(
    "authsession.retention.late", unit="s", description="How late rows are removed, by kind; 0 when none is due."
)


class AgedRows:
    """Removes rows by their age. Any number may run. A kill at any point leaves whole rows for the next."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._rest = MAX_REST
        self._late: Mapping[str, timedelta] = {}

    def rest(self) -> float:
        """The rest for `supervise`. It gets shorter while rows are removed too late, and ever later."""
        return self._rest

    async def step(self) -> int:
        """Remove a batch of each kind. Returns the largest number of rows of one kind.

        Raises `DependencyUnavailable("postgres")`.
        """
        removed = await self._postgres.unit_of_work(remove_aged, limit=BATCH)
        late = {kind: removal.newest_late for kind, removal in removed.items() if removal.rows == BATCH}
        for kind, removal in removed.items():
            _REMOVED.add(removal.rows, {"kind": kind})
            _LATE.set(late.get(kind, timedelta()).total_seconds(), {"kind": kind})
        self._adapt(late)
        return max(removal.rows for removal in removed.values())

    def _adapt(self, late: Mapping[str, timedelta]) -> None:
        """`late` holds the kinds of which more may be left. Each is compared with itself: one could hide another."""
        is_behind = any(falls_behind(each, self._late.get(kind)) for kind, each in late.items())
        self._rest = next_rest(self._rest, falls_behind=is_behind)
        self._late = late


class UnusedEmails:
    """Walks over all addresses and removes those that never confirmed and that nothing refers to any more."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._rest = MAX_REST
        self._after_id = 0
        self._began_at = 0.0

    def rest(self) -> float:
        """The rest for `supervise`. It gets shorter once a walk takes too long: an address may wait for a whole one."""
        return self._rest

    async def step(self) -> int:
        """Do the next page. Returns `PAGE` while the walk goes on, and 0 at its end.

        Raises `DependencyUnavailable("postgres")`.
        """
        if self._after_id == 0:
            self._began_at = trio.current_time()
        walked = await self._postgres.unit_of_work(remove_unused_emails, self._after_id, page=PAGE, limit=BATCH)
        _REMOVED.add(walked.removed, {"kind": "email"})
        takes_too_long = trio.current_time() - self._began_at > TOLERATED.total_seconds()
        self._rest = next_rest(self._rest, falls_behind=takes_too_long)
        self._after_id = walked.last_id or 0
        return 0 if walked.last_id is None else PAGE
