"""How long revocations take to arrive at this gateway. The wall clocks of both machines count (NTP)."""

from collections import deque

from clients.gateway.clock import Clock, wall_clock
from contracts.gateway import GatewayRecord
from contracts.node.report import Lag

KEPT = 1000


class RevocationLags:
    """The last `KEPT` revocations since the last `take`."""

    def __init__(self, clock: Clock = wall_clock) -> None:
        self._clock = clock
        self._lags_ms: deque[int] = deque(maxlen=KEPT)

    def note(self, revoked: GatewayRecord) -> None:
        """Takes a revocation at its arrival."""
        if revoked.revoked_at_ms is not None:
            self._lags_ms.append(max(0, round(self._clock() * 1000) - revoked.revoked_at_ms))

    def take(self) -> Lag | None:
        """Median and 99th percentile (nearest rank), and begins anew; None without a revocation."""
        lags = sorted(self._lags_ms)
        self._lags_ms.clear()
        return Lag(_percentile(lags, 50), _percentile(lags, 99)) if lags else None


def _percentile(ordered: list[int], percent: int) -> int:
    return ordered[-(-len(ordered) * percent // 100) - 1]
