"""Laws of the exponential backoff."""

from datetime import timedelta

import pytest

from shared.kernel.entropy import SystemEntropy
from shared.lifecycle.backoff import Backoff, jittered

SECOND = timedelta(seconds=1)


def test_a_wait_doubles_up_to_the_cap() -> None:
    backoff = Backoff(first=SECOND, cap=timedelta(seconds=60))
    assert [backoff.wait(failures) / SECOND for failures in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_any_number_of_failures_waits_for_the_cap() -> None:
    assert Backoff(first=SECOND, cap=timedelta(seconds=60)).wait(10**9) == timedelta(seconds=60)


def test_a_first_wait_above_the_cap_is_the_cap() -> None:
    assert Backoff(first=timedelta(seconds=2), cap=SECOND).wait(0) == SECOND


@pytest.mark.parametrize(("byte", "share"), [(0, 0.5), (255, 1.0)])
def test_jitter_takes_at_most_half(byte: int, share: float) -> None:
    class Fixed:
        def token_bytes(self, count: int) -> bytes:
            return bytes([byte]) * count

        def six_digits(self) -> str:
            raise AssertionError("jitter needs no code")

    assert jittered(timedelta(seconds=10), Fixed()) == timedelta(seconds=10) * share


def test_jitter_spreads_waits() -> None:
    waits = {jittered(SECOND, SystemEntropy()) for _ in range(500)}
    assert min(waits) >= SECOND / 2
    assert max(waits) <= SECOND
    assert len(waits) > 100
