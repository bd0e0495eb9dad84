"""The observations of a gateway for the report of its node: bounded in memory, and each told once."""

from clients.gateway.counts import CAPACITY, Counts
from clients.gateway.following import Following
from clients.gateway.lags import KEPT, RevocationLags
from clients.gateway.local_copy import LocalCopy
from clients.gateway.stream import Batch, Ends, Position
from contracts.gateway import GatewayRecord
from contracts.node.report import Lag, Report
from contracts.node.status import Status, decode_status, encode_status
from contracts.signed_request import RequestRefusal

DAY = 86_400


class Wall:
    now = 20_000.0 * DAY


def session(number: int) -> GatewayRecord:
    return GatewayRecord(f"device-session-{number}", "user-1", "key", "active")


def counts() -> tuple[Counts, Wall]:
    wall = Wall()
    return Counts(lambda: wall.now), wall


def test_requests_are_counted_from_one_report_to_the_next() -> None:
    counted, _ = counts()
    counted.passed(None)
    counted.passed(session(1))
    for refusal in (RequestRefusal.SESSION_TOO_OLD, RequestRefusal.SESSION_TOO_OLD, RequestRefusal.INVALID_SIGNATURE):
        counted.refused(refusal)
    assert counted.take() == (2, {"session_too_old": 2, "invalid_signature": 1})
    assert counted.take() == (0, {})


def test_a_used_session_is_told_once_a_day() -> None:
    counted, wall = counts()
    for _ in range(3):
        counted.passed(session(1))
    assert counted.take_uses() == (("device-session-1", "2024-10-04"),)
    counted.passed(session(1))
    assert counted.take_uses() == ()
    wall.now += DAY
    counted.passed(session(1))
    assert counted.take_uses() == (("device-session-1", "2024-10-05"),)


def test_a_use_of_yesterday_keeps_its_day_and_todays_is_told_too() -> None:
    counted, wall = counts()
    counted.passed(session(1))
    counted.passed(session(2))
    wall.now += DAY
    counted.passed(session(2))
    assert counted.take_uses() == (("device-session-1", "2024-10-04"), ("device-session-2", "2024-10-05"))
    counted.passed(session(1))
    assert counted.take_uses() == (("device-session-1", "2024-10-05"),)


def test_many_sessions_take_several_reports() -> None:
    counted, _ = counts()
    for number in range(1500):
        counted.passed(session(number))
    assert [len(counted.take_uses()) for _ in range(3)] == [1000, 500, 0]


def test_the_memory_of_uses_is_bounded() -> None:
    counted, _ = counts()
    for number in range(2 * CAPACITY + 10):
        counted.passed(session(number))
        if number % 1000 == 999:
            counted.take_uses()
    assert len(counted._told) <= CAPACITY
    for number in range(CAPACITY + 10):
        counted.passed(session(-number))
    assert len(counted._untold) <= CAPACITY


def test_the_lag_of_a_revocation_counts_once() -> None:
    wall = Wall()
    lags = RevocationLags(lambda: wall.now)
    following = Following(LocalCopy(10), on_revoked=lags.note)
    following.meet("run-1", Ends(None, Position(0, 0)))
    now_ms = int(wall.now * 1000)
    for number, lag in [*enumerate(range(1, 101)), (0, 5000)]:
        revoked = GatewayRecord(f"device-session-{number % 10}", "user-1", "key", "revoked", now_ms - lag)
        following.hear(Batch(Position(number + 1, 0), [revoked], 0, 1), 0, is_all=True)
    assert lags.take() == Lag(5, 10)
    assert lags.take() is None


def test_a_lag_is_never_negative_and_the_newest_are_kept() -> None:
    lags = RevocationLags(lambda: 10)
    for number in range(2 * KEPT):
        lags.note(
            GatewayRecord(f"device-session-{number}", "user-1", "key", "revoked", 9000 if number < KEPT else 20_000)
        )
    assert lags.take() == Lag(0, 0)


def test_a_full_report_fits_into_a_status() -> None:
    counted, _ = counts()
    for number in range(1000):
        counted.passed(GatewayRecord(f"device-session-{number:026}", "user-1", "key", "active"))
    refused = {refusal.value: 1 << 40 for refusal in RequestRefusal}
    report = Report(100_000, 1 << 40, refused, Lag(1, 2), "ok", counted.take_uses())
    status = Status("b" * 16, report=report)
    assert decode_status(encode_status(status)) == status
