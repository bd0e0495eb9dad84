"""The state machine of a connection's health: a model that looks at the whole history, and the pace of probes."""

from datetime import timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from contracts.control_plane.connections import Result
from services.internal_admin.connection_health.domain import SLOW_MS, UNKNOWN, Observed, State, decide, next_wait

MINUTE, TEN_MINUTES = timedelta(minutes=1), timedelta(minutes=10)
RESULTS = st.sampled_from(get_args(Result))
OBSERVATIONS = st.lists(st.tuples(RESULTS, st.sampled_from([0, SLOW_MS, SLOW_MS + 1])), max_size=30)

Word = str


def word(result: str, duration_ms: int) -> Word:
    if result != "verified":
        return "bad"
    return "slow" if duration_ms > SLOW_MS else "good"


def status_of(history: list[Word]) -> str:
    """The status as the whole history says, without any counter."""
    if not history:
        return "unknown"
    if history[-1] == "slow":
        return "degraded"
    if history[-3:] == ["bad"] * 3:
        return "failing"
    if history[-2:] == ["good"] * 2 or set(history) == {"good"}:
        return "healthy"
    before = status_of(history[:-1])
    if history[-1] == "good":
        return before
    return "failing" if before == "failing" else "degraded"


class Bytes:
    """An entropy with one byte."""

    def __init__(self, byte: int) -> None:
        self._byte = byte

    def token_bytes(self, count: int) -> bytes:
        return bytes([self._byte]) * count

    def six_digits(self) -> str:
        return "000000"


@given(OBSERVATIONS)
def test_the_status_is_the_one_that_the_whole_history_says(observations: list[tuple[Result, int]]) -> None:
    """One failure or a slow answer degrades, three failures in a row fail, two good answers in a row heal."""
    state, history = UNKNOWN, list[Word]()
    for result, duration_ms in observations:
        state = decide(state, Observed("connection-1", 1, result, duration_ms))
        history.append(word(result, duration_ms))
        assert state.status == status_of(history)
        assert 0 in (state.failures, state.successes)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_the_pace_is_a_minute_and_backs_off_to_ten(failures: int, byte: int) -> None:
    """The interval varies by a tenth. It doubles from the third failure on."""
    wait = next_wait(State("failing", failures=failures), MINUTE, TEN_MINUTES, Bytes(byte))
    expected = MINUTE if failures < 3 else min(MINUTE * 2 ** min(failures - 2, 10), TEN_MINUTES)
    assert expected * 0.899 <= wait <= expected * 1.101
