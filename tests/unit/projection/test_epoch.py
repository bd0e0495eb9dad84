"""When an epoch begins: each loss has its reason, and nothing lost has none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.projection.epoch import Kept, Seen, last_good_beat, new_epoch_reason, next_beat

STARTED = datetime(2026, 4, 5, 12, 0, 0, tzinfo=UTC)
KEPT = Kept(
    epoch="e1", state="complete", beat=1000, run_id="r1", timeline="00000001", session_max_age=timedelta(days=365),
    rebuild_requested=False, now_ms=2000, timeline_now="00000001", session_max_age_now=timedelta(days=365),
    postgres_started_at=STARTED, postgres_started_at_now=STARTED,
)  # fmt: skip
SEEN = Seen(epoch="e1", state="complete", beat=1000, run_id="r1")


def test_nothing_lost_begins_no_epoch() -> None:
    assert new_epoch_reason(KEPT, SEEN) is None


@pytest.mark.parametrize(
    ("kept", "seen", "reason"),
    [
        (KEPT, Seen(None, None, None, "r1"), "redis_lost"),
        (KEPT, replace(SEEN, beat=None), "redis_lost"),
        (KEPT, replace(SEEN, epoch="e0"), "redis_replaced"),
        (KEPT, replace(SEEN, beat=999), "redis_went_back"),
        (KEPT, replace(SEEN, beat=1001), "postgres_went_back"),
        (KEPT, replace(SEEN, run_id="r2"), "redis_restarted"),
        (replace(KEPT, timeline_now="00000002"), SEEN, "postgres_promoted"),
        (replace(KEPT, postgres_started_at_now=STARTED + timedelta(seconds=1)), SEEN, "postgres_restarted"),
        (replace(KEPT, session_max_age_now=timedelta(days=1)), SEEN, "session_max_age_changed"),
        (replace(KEPT, rebuild_requested=True), SEEN, "requested"),
    ],
)
def test_each_loss_has_its_reason(kept: Kept, seen: Seen, reason: str) -> None:
    assert new_epoch_reason(kept, seen) == reason


@pytest.mark.parametrize(
    ("kept", "seen", "good"),
    [
        (KEPT, SEEN, 1000),
        (KEPT, replace(SEEN, beat=10), 10),
        (KEPT, replace(SEEN, beat=5000), 1000),
        (KEPT, replace(SEEN, beat=None), 1000),
        (replace(KEPT, now_ms=500), SEEN, 500),  # the clock was set back: never trust a beat of the future
    ],
)
def test_a_beat_that_both_hold_is_good(kept: Kept, seen: Seen, good: int) -> None:
    assert last_good_beat(kept, seen) == good


def test_a_beat_always_rises_even_if_the_clock_is_set_back() -> None:
    assert next_beat(KEPT) == 2000
    assert next_beat(replace(KEPT, now_ms=5)) == 1001
