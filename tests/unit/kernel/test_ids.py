"""Laws of identifiers: SPEC §3.1, §5.1 and RFC 9562."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from shared.kernel.clock import Clock, SystemClock
from shared.kernel.entropy import Entropy, SystemEntropy
from shared.kernel.ids import (
    new_challenge_id,
    new_device_session_id,
    new_operator_id,
    new_operator_session_id,
    new_token_id,
    new_user_id,
    new_uuid,
)


class StoppedClock:
    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


class KnownEntropy:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def token_bytes(self, count: int) -> bytes:
        assert count == len(self.content)
        return self.content

    def six_digits(self) -> str:
        raise AssertionError("an id has no digits of a code")


NOON = datetime(2026, 4, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("new_id", "prefix"),
    [
        (new_challenge_id, "challenge-"),
        (new_device_session_id, "device-session-"),
        (new_user_id, "user-"),
        (new_operator_id, "operator-"),
        (new_operator_session_id, "operator-session-"),
        (new_token_id, "token-"),
    ],
)
def test_an_id_is_its_prefix_and_a_lower_case_ulid(new_id: Callable[[Clock, Entropy], str], prefix: str) -> None:
    made = new_id(SystemClock(), SystemEntropy())
    assert re.fullmatch(prefix + "[0-7][0-9abcdefghjkmnpqrstvwxyz]{25}", made)


def test_a_ulid_is_48_bits_of_milliseconds_and_80_random_bits() -> None:
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=1469918176385)  # the example of ulid/javascript
    assert new_user_id(StoppedClock(instant), KnownEntropy(bytes(10))) == "user-01aryz6s41" + "0" * 16
    assert new_user_id(StoppedClock(instant), KnownEntropy(b"\xff" * 10)) == "user-01aryz6s41" + "z" * 16


def test_every_random_bit_of_an_id_counts() -> None:
    clock = StoppedClock(NOON)
    sources = [KnownEntropy((1 << bit).to_bytes(10)) for bit in range(80)]
    assert len({new_challenge_id(clock, source) for source in sources}) == 80
    assert len({new_uuid(clock, source) for source in sources}) == 74 + 1  # six bits are not used


def test_ids_of_later_milliseconds_sort_later() -> None:
    instants = [NOON + timedelta(milliseconds=step**3) for step in range(50)]
    ids = [new_challenge_id(StoppedClock(instant), SystemEntropy()) for instant in instants]
    rows = [new_uuid(StoppedClock(instant), SystemEntropy()) for instant in instants]
    assert ids == sorted(ids)
    assert rows == sorted(rows)


def test_a_row_id_is_a_uuid_version_7() -> None:
    instant = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)  # RFC 9562 appendix A.6
    made = new_uuid(StoppedClock(instant), KnownEntropy((0xCC3 << 68 | 0x18C4DC0C0C07398F).to_bytes(10)))
    assert made == uuid.UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
