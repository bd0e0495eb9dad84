"""Workers: rows whose time is over go, in small batches with long rests, so that no request waits for them (SPEC §5.4).

Why so: docs/decisions/0012-retention.md.
"""

from datetime import timedelta
from functools import partial

from opentelemetry import metrics

from services.internal_admin.store.retention import remove_aged, remove_unused_emails
from shared.io.postgres import Postgres

BATCH = 100
PAGE = 500
IDLE = timedelta(hours=1)
REST = 199.0
"""Each of the two works for a 200th of the time, so that fewer than one request in a hundred meets a batch; that still
removes 250 rows a second beside full login load (bench)."""

_REMOVED = metrics.get_meter("authsession").create_counter(
    "authsession.retention.removed", unit="{row}", description="Rows removed because their time was over, by kind"
)


class AgedRows:
    """Removes what goes by its age. Any number may run; killed at any point, it leaves whole rows for the next."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def step(self) -> int:
        """A batch of each kind; how many rows of the kind that had most. Raises `DependencyUnavailable("postgres")`."""
        removed = await self._postgres.unit_of_work(partial(remove_aged, limit=BATCH))
        for kind, rows in removed.items():
            _REMOVED.add(rows, {"kind": kind})
        return max(removed.values())


class UnusedEmails:
    """Walks over all addresses and removes those that never confirmed and of which nothing is left."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._after_id = 0

    async def step(self) -> int:
        """The next page; `PAGE` while the walk goes on, 0 at its end. Raises `DependencyUnavailable("postgres")`."""
        body = partial(remove_unused_emails, after_id=self._after_id, page=PAGE, limit=BATCH)
        walked = await self._postgres.unit_of_work(body)
        _REMOVED.add(walked.removed, {"kind": "email"})
        self._after_id = walked.last_id or 0
        return 0 if walked.last_id is None else PAGE
