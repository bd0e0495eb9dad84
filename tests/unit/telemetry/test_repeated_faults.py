"""A repeated fault is logged once, then counted."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from shared.telemetry.logs import JsonLines
from shared.telemetry.repeated_faults import FIRST_PAUSE, MAX_PAUSE, OVER_AFTER, RepeatedFaults


class Log:
    """A logger of its own with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._stream = io.StringIO()
        self.logger = logging.getLogger("authsession.test_repeated_faults")
        self.logger.propagate = False
        self.logger.setLevel(logging.INFO)
        self._handler = logging.StreamHandler(self._stream)
        self._handler.setFormatter(JsonLines())
        self._handler.addFilter(RepeatedFaults(lambda: self.now))
        self.logger.addHandler(self._handler)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    def close(self) -> None:
        self.logger.removeHandler(self._handler)


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    yield made
    made.close()


def test_ten_a_second_for_an_hour_are_a_few_lines_that_count_them_all(log: Log) -> None:
    for _ in range(36_000):
        log.logger.warning("postgres is unavailable", extra={"fault": "InvalidPasswordError 28P01"})
        log.now += 0.1
    lines = log.lines()
    assert len(lines) <= 20
    assert len(lines) >= 3600 / MAX_PAUSE
    counted = len(lines) + sum(line.get("repeats", 0) for line in lines)
    assert 36_000 - MAX_PAUSE / 0.1 <= counted <= 36_000
    assert "repeats" not in lines[0]


def test_another_kind_of_fault_is_told_at_once(log: Log) -> None:
    for worker in ("relay", "courier", "relay", "courier"):
        log.logger.warning("worker waits for a dependency", extra={"worker": worker})
    assert [line["worker"] for line in log.lines()] == ["relay", "courier"]


def test_exceptions_of_one_place_are_one_kind(log: Log) -> None:
    def fail(error: type[Exception]) -> None:
        try:
            raise error  # noqa: TRY301 - its place is what is tested
        except Exception:
            log.logger.exception("request failed")

    for error in (ValueError, ValueError, KeyError):
        fail(error)
    assert [line["exception"]["type"] for line in log.lines()] == ["builtins.ValueError", "builtins.KeyError"]


def test_a_fault_that_was_over_and_comes_back_is_news(log: Log) -> None:
    for _ in range(3):
        log.logger.warning("redis is unavailable")
    log.now += OVER_AFTER + 1
    log.logger.warning("redis is unavailable")
    assert [line.get("repeats") for line in log.lines()] == [None, 2]


def test_a_record_that_is_no_fault_always_passes(log: Log) -> None:
    for _ in range(5):
        log.logger.info("an anchor of the audit trail")
    assert len(log.lines()) == 5


def test_the_first_pause_is_short(log: Log) -> None:
    for _ in range(int(FIRST_PAUSE) + 2):
        log.logger.warning("redis is unavailable")
        log.now += 1
    assert [line.get("repeats") for line in log.lines()] == [None, FIRST_PAUSE - 1]
