"""Laws of randomness and time at their sources."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.kernel import entropy
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy


@pytest.mark.parametrize(("drawn", "code"), [(0, "000000"), (42, "000042"), (999_999, "999999")])
def test_a_code_keeps_its_leading_zeros(monkeypatch: pytest.MonkeyPatch, drawn: int, code: str) -> None:
    asked: list[int] = []

    def randbelow(bound: int) -> int:
        asked.append(bound)
        return drawn

    monkeypatch.setattr(entropy.secrets, "randbelow", randbelow)
    assert SystemEntropy().six_digits() == code
    assert asked == [1_000_000]


def test_codes_reach_every_digit_in_every_place() -> None:
    codes = [SystemEntropy().six_digits() for _ in range(2_000)]
    for place in range(6):
        assert {code[place] for code in codes} == set("0123456789")


def test_bytes_are_as_many_as_asked_and_do_not_repeat() -> None:
    drawn = {SystemEntropy().token_bytes(16) for _ in range(1_000)}
    assert len(drawn) == 1_000
    assert {len(content) for content in drawn} == {16}


def test_the_clock_is_aware_and_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)
