"""Laws of the rest of retention, also as a model: rows come at a rate, a batch of a hundred takes its time."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from services.internal_admin.retention.domain import MAX_REST, MIN_REST, TOLERATED, falls_behind, next_rest

BATCH = 100
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
LATE = TOLERATED + HOUR


@dataclass(slots=True)
class Sweep:
    """Rows were made at `rate` a second and go oldest first; a batch of them takes `work` seconds."""

    rate: float
    late: timedelta
    work: float = 0.01
    rest: float = MAX_REST
    late_before: timedelta | None = None
    seconds: float = 0.0
    rests: list[float] = field(default_factory=list)

    def step(self) -> None:
        taken = self.work * (1 + self.rest)
        self.seconds += taken
        self.late = max(timedelta(), self.late + timedelta(seconds=taken - BATCH / self.rate))
        if self.late:
            self.rest = next_rest(self.rest, falls_behind=falls_behind(self.late, self.late_before))
        self.late_before = self.late or None
        self.rests.append(self.rest)

    def run(self, seconds: float) -> "Sweep":
        until = self.seconds + seconds
        while self.seconds < until:
            self.step()
        return self


def test_rows_that_go_later_and_later_are_behind_and_only_once_they_are_too_late() -> None:
    assert falls_behind(LATE + SECOND, LATE)
    assert falls_behind(LATE, LATE)
    assert not falls_behind(LATE - SECOND, LATE)
    assert not falls_behind(TOLERATED, TOLERATED - SECOND)
    assert not falls_behind(LATE, None)


def test_the_rest_is_halved_behind_and_grows_by_a_tenth_otherwise_within_its_bounds() -> None:
    assert next_rest(100, falls_behind=True) == 50
    assert next_rest(100, falls_behind=False) == pytest.approx(110)
    assert next_rest(MIN_REST, falls_behind=True) == MIN_REST
    assert next_rest(MAX_REST, falls_behind=False) == MAX_REST


@pytest.mark.parametrize("rate", [60, 100, 216, 500, 1000])
def test_the_lateness_of_rows_stops_growing_within_a_minute_at_any_rate(rate: float) -> None:
    """At the longest rest 50 a second of each kind would go."""
    sweep = Sweep(rate, LATE)
    assert sweep.run(60).late < LATE + timedelta(seconds=30)
    worst = sweep.late
    assert sweep.run(600).late < worst
    assert sweep.late_before is not None


def test_where_rows_are_late_but_catch_up_the_rest_stays_the_longest() -> None:
    """A million old rows that were made slowly are no emergency, however late they go (SPEC §5.4)."""
    sweep = Sweep(rate=40, late=300 * timedelta(days=1))
    assert set(sweep.run(3600).rests) == {MAX_REST}


def test_a_busy_day_is_left_to_the_night() -> None:
    sweep = Sweep(rate=216, late=timedelta())
    assert set(sweep.run(8 * 3600).rests) == {MAX_REST}
    assert timedelta() < sweep.late < TOLERATED


def test_the_rest_is_the_longest_again_soon_after_the_flood_is_over() -> None:
    sweep = Sweep(rate=1000, late=LATE).run(60)
    assert sweep.rest < MAX_REST / 4
    sweep.rate = 10
    assert sweep.run(60).rest == MAX_REST


def test_a_slower_database_is_left_alone_for_longer_and_still_a_fifth_of_its_time_at_most() -> None:
    sweep = Sweep(rate=1_000_000, late=LATE, work=1.0).run(3600)
    assert sweep.rest == MIN_REST
