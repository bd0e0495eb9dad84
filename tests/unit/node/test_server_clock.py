"""The node's idea of the control plane's time moves only as far as signed times prove."""

import pytest

from clients.node.notices import ClockIsWrong, Notice
from clients.node.server_clock import ServerClock

NOW = 1_775_121_700.0


def clock() -> tuple[ServerClock, list[Notice]]:
    notices: list[Notice] = []
    return ServerClock(lambda: NOW, notices.append), notices


def learn(subject: ServerClock, server: float, *, sent: float, received: float) -> float:
    """The correction in seconds after an answer; all times are in seconds after now."""
    subject.learn(int((NOW + server) * 1000), sent_ms=(NOW + sent) * 1000, received_ms=(NOW + received) * 1000)
    return round(subject.now_ms() / 1000 - NOW, 3)


@pytest.mark.parametrize("server", [0, 12.5, 25])
def test_a_held_poll_or_a_slow_proxy_shifts_nothing(server: float) -> None:
    subject, notices = clock()
    assert learn(subject, server, sent=0, received=25) == 0
    assert notices == []


def test_a_wrong_clock_is_corrected_as_far_as_is_proved() -> None:
    subject, notices = clock()
    assert learn(subject, 3600, sent=0, received=0.1) == 3599.9
    assert learn(subject, 3600, sent=0, received=25) == 3599.9
    assert notices == [ClockIsWrong(-3599.9)]
    assert learn(subject, 0.05, sent=0, received=0.1) == 0.05
    assert learn(subject, -60, sent=0, received=0.1) == -60
    assert [type(notice) for notice in notices] == [ClockIsWrong, ClockIsWrong]


def test_a_clock_that_is_set_during_a_request_teaches_nothing() -> None:
    subject, _ = clock()
    assert learn(subject, 3600, sent=0, received=-10) == 0


def test_an_unsigned_date_moves_the_times_of_requests_alone() -> None:
    subject, _ = clock()
    assert subject.hint("Thu, 02 Apr 2026 12:00:00 GMT")
    assert subject.request_ms() == 1775131200000
    assert subject.now_ms() == NOW * 1000
    assert learn(subject, 0, sent=0, received=0.1) == 0
    assert subject.request_ms() == int(NOW * 1000), "a signed time ends the hint"


@pytest.mark.parametrize("date", [None, "", "now", "Thu, 99 Apr 2026 12:00:00 GMT", "x" * 10_000])
def test_a_text_that_is_no_date_is_ignored(date: str | None) -> None:
    subject, _ = clock()
    assert not subject.hint(date)
    assert subject.request_ms() == int(NOW * 1000)
