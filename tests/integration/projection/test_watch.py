"""Changes that wait for Redis are seen whether or not Redis is there: an alert pages by their age."""

from types import SimpleNamespace

import pytest

from shared.projection import metrics
from shared.projection.watch import OutboxWatch
from tests.support.gateway_projection import GatewayProjection


def test_waiting_changes_are_seen_while_redis_is_away(
    mortal: GatewayProjection, monkeypatch: pytest.MonkeyPatch
) -> None:
    depths: list[int] = []
    ages: list[float] = []
    monkeypatch.setattr(metrics, "OUTBOX_DEPTH", SimpleNamespace(set=depths.append))
    monkeypatch.setattr(metrics, "OUTBOX_AGE", SimpleNamespace(set=ages.append))
    mortal.server.kill()
    try:
        mortal.new_sessions(3)
        for _ in range(2):
            mortal.world.call(OutboxWatch(mortal.world.public).step)
    finally:
        mortal.server.start()
    assert depths == [3, 3]
    assert 0 < ages[0] < ages[1]
