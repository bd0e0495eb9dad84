"""The counts of a gateway since its last report: requests passed and refused, and the sessions that were used."""

from collections import Counter
from datetime import UTC, datetime
from itertools import islice

from clients.gateway.clock import Clock, wall_clock
from contracts.gateway import GatewayRecord
from contracts.node.report import MAX_LAST_USES
from contracts.signed_request import RequestRefusal

CAPACITY = 100_000
"""Sessions whose use is noted or was told today. Beyond it a use is noted later, or told again."""
_DAY = 86_400


class Counts:
    """Memory is bounded. Counting a request costs about a microsecond."""

    def __init__(self, clock: Clock = wall_clock) -> None:
        self._clock = clock
        self._passed = 0
        self._refused: Counter[str] = Counter()
        self._day = 0
        self._told: set[str] = set()
        self._untold: dict[str, int] = {}

    def passed(self, session: GatewayRecord | None) -> None:
        """Counts a request that reached the app. `session` is None where the route requires nothing."""
        self._passed += 1
        if session is not None:
            self._use(session.device_session_id)

    def refused(self, refusal: RequestRefusal) -> None:
        self._refused[refusal.value] += 1

    def take(self) -> tuple[int, dict[str, int]]:
        """Requests passed, and refused by code, since the last call."""
        counted = self._passed, dict(self._refused)
        self._passed = 0
        self._refused.clear()
        return counted

    def take_uses(self) -> tuple[tuple[str, str], ...]:
        """Session id and day (UTC) of uses that were not told yet, at most 1,000. A session is told once a day."""
        uses = list(islice(self._untold.items(), MAX_LAST_USES))
        for device_session_id, day in uses:
            del self._untold[device_session_id]
            if day == self._day:
                self._told.add(device_session_id)
        return tuple((device_session_id, _date(day)) for device_session_id, day in uses)

    def _use(self, device_session_id: str) -> None:
        day = int(self._clock() // _DAY)
        if day != self._day or len(self._told) >= CAPACITY:
            self._day = day
            self._told.clear()
        if device_session_id not in self._told and (device_session_id in self._untold or len(self._untold) < CAPACITY):
            self._untold[device_session_id] = day


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY, UTC).date().isoformat()
