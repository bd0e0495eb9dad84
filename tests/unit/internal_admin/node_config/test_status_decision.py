"""The decision about a status: repeats, order, boot ids, rejections."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.node.manifest import Position
from contracts.node.status import AppliedConfig, ConfigError, ConfigOutcome, Outcome, Status
from services.internal_admin.node_config.domain.status import Boots, Change, Told, decide_boots, decide_status

NOW = datetime(2026, 4, 5, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ERROR = ConfigError("apply_failed", "port 80 is taken", "gateway_config/edge")


def digest(sequence: int) -> str:
    return f"{sequence:064x}"


def config(sequence: int, outcome: Outcome = "applied") -> ConfigOutcome:
    error = None if outcome == "applied" else ERROR
    return ConfigOutcome(Position(1, sequence), digest(sequence), outcome, error)


def ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def status(boot: str = "a", of: ConfigOutcome | None = None, applied: int | None = None) -> Status:
    serving = None if applied is None else AppliedConfig(Position(1, applied), digest(applied))
    return Status(boot * 16, of, serving)


def told_by(*statuses: Status, every: timedelta = 30 * SECOND) -> list[Change | None]:
    """The decisions about statuses that come one after the other."""
    told, decisions = Told(), list[Change | None]()
    for number, each in enumerate(statuses, start=1):
        change = decide_status(told, each, number, NOW + number * every)
        told = told if change is None else change.told
        decisions.append(change)
    return decisions


def last(*statuses: Status) -> Told:
    change = told_by(*statuses)[-1]
    assert change is not None
    return change.told


def test_a_repeat_is_written_after_30_seconds_and_not_before() -> None:
    assert told_by(status(), status(), every=29 * SECOND)[1] is None
    assert told_by(status(), status(), every=30 * SECOND)[1] is not None


def test_a_change_is_written_at_once() -> None:
    change = told_by(status(of=config(1)), status(of=config(2)), every=SECOND)[1]
    assert change is not None
    assert change.told.applied.position == Position(1, 2)


@pytest.mark.parametrize("seconds", [31, 3600])
def test_statuses_are_kept_after_the_clock_of_postgres_went_back(seconds: int) -> None:
    """No request is taken that was signed more than 30 seconds ahead, so the kept one is from before the step."""
    before = Told(ms(NOW) + 1000 * seconds, NOW + seconds * SECOND, boots=Boots("a" * 16))
    repeat = decide_status(before, status(), ms(NOW), NOW)
    assert repeat is not None
    assert repeat.told.status_at_ms == ms(NOW)
    assert repeat.replaces_at_ms == before.status_at_ms


def test_a_status_that_was_signed_ahead_makes_an_older_one_late() -> None:
    assert decide_status(Told(ms(NOW) + 30_000), status(of=config(9)), ms(NOW) + 29_999, NOW) is None


@pytest.mark.parametrize("signed_at_ms", [6, 7])
def test_a_status_that_is_not_newer_changes_nothing(signed_at_ms: int) -> None:
    assert decide_status(Told(status_at_ms=7), status(of=config(9)), signed_at_ms, NOW) is None


def test_the_time_of_a_configuration_stays_while_it_is_repeated() -> None:
    told = last(status(of=config(1)), status(of=config(1)))
    assert told.applied.at == NOW + 30 * SECOND
    assert told.last_seen_at == NOW + 60 * SECOND


def test_a_rejection_is_told_of_once_and_keeps_what_serves() -> None:
    decisions = told_by(
        status(of=config(1)), status(of=config(2, "rejected"), applied=1), status(of=config(2, "rejected"), applied=1)
    )
    assert [each is not None and each.is_rejection for each in decisions] == [False, True, False]
    assert decisions[2] is not None
    told = decisions[2].told
    assert (told.applied.position, told.rejected.position, told.error) == (Position(1, 1), Position(1, 2), ERROR)
    assert told.rejected.at == NOW + 60 * SECOND


def test_a_rejection_lasts_until_a_newer_configuration_is_applied() -> None:
    rejected = status(of=config(2, "rejected"), applied=1)
    assert last(rejected, status(of=config(1))).rejected.position == Position(1, 2)
    assert last(rejected, status(of=config(1))).error == ERROR
    for sequence in (2, 3):
        told = last(rejected, status(of=config(sequence)))
        assert told.rejected.digest is None
        assert told.error is None


def test_a_node_that_lost_its_configuration_has_none() -> None:
    assert last(status(of=config(1)), status()).applied.digest is None
    assert last(status(of=config(1)), status(of=config(2, "rejected"))).applied.digest is None


def test_a_degraded_configuration_is_applied_and_says_why() -> None:
    told = last(status(of=config(1, "degraded")))
    assert (told.applied.outcome, told.error, told.rejected.digest) == ("degraded", ERROR, None)


@pytest.mark.parametrize(
    ("boots", "shared"),
    [("aa", False), ("ab", False), ("abc", False), ("aba", True), ("abab", True), ("abca", False), ("abcbc", True)],
)
def test_a_boot_id_that_comes_back_is_another_process(boots: str, shared: bool) -> None:
    decisions = told_by(*(status(boot) for boot in boots))
    assert any(each is not None and each.is_key_shared for each in decisions) == shared


def test_a_boot_id_that_comes_back_after_ten_minutes_tells_nothing() -> None:
    before = Boots("b", "a", NOW)
    assert decide_boots(before, "a", NOW + timedelta(minutes=10))[1]
    assert not decide_boots(before, "a", NOW + timedelta(minutes=10) + SECOND)[1]


def test_a_key_that_stays_shared_is_told_of_once_an_hour() -> None:
    decisions = told_by(*(status("ab"[number % 2]) for number in range(241)))
    assert sum(each is not None and each.is_key_shared for each in decisions) == 2
