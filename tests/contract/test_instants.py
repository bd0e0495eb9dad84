"""Instants on the wire: whole seconds, `Z`, nothing else."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from contracts.errors import Refusal
from contracts.instant import decode_instant, encode_instant
from tests.contract.vectors import cases


@pytest.mark.parametrize("case", cases("instants", "accepted"))
def test_an_instant_is_read_and_written_back(case: dict[str, Any]) -> None:
    read = decode_instant(case["text"], "expires_at")
    assert read == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=case["unix_seconds"])
    assert encode_instant(read) == case["text"]


@pytest.mark.parametrize("text", cases("instants", "refused"))
def test_other_spellings_are_refused_and_the_field_named(text: str) -> None:
    with pytest.raises(Refusal, match="expires_at"):
        decode_instant(text, "expires_at")


def test_a_fraction_of_a_second_is_cut_and_never_rounded_up() -> None:
    assert encode_instant(datetime(2026, 4, 5, 12, 0, 0, 999_999, tzinfo=UTC)) == "2026-04-05T12:00:00Z"


def test_an_instant_of_another_zone_is_written_in_utc() -> None:
    berlin_summer = timezone(timedelta(hours=2))
    assert encode_instant(datetime(2026, 4, 5, 14, tzinfo=berlin_summer)) == "2026-04-05T12:00:00Z"


def test_a_datetime_without_a_zone_is_not_an_instant() -> None:
    with pytest.raises(ValueError, match="time zone"):
        encode_instant(datetime(2026, 4, 5, 12))  # noqa: DTZ001
