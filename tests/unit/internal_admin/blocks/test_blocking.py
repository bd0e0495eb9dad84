"""Laws of the block decision (SPEC §4.1). Pure."""

from datetime import datetime, timedelta

import pytest

from services.internal_admin.blocks.domain import (
    ChangeExpiry,
    KeepBlock,
    PlaceBlock,
    RefuseExpiry,
    StandingBlock,
    decide_block,
)
from tests.support.builders import SOME_INSTANT as NOW

SOON, LATER = NOW + timedelta(minutes=1), NOW + timedelta(hours=1)


@pytest.mark.parametrize("expires_at", [None, SOON])
def test_a_subject_without_a_block_is_blocked(expires_at: datetime | None) -> None:
    assert decide_block(None, expires_at, NOW) == PlaceBlock(expired=None)


@pytest.mark.parametrize("expires_at", [None, SOON])
def test_a_block_that_has_expired_counts_as_none_and_is_replaced(expires_at: datetime | None) -> None:
    expired = StandingBlock(7, expires_at=NOW)
    assert decide_block(expired, expires_at, NOW) == PlaceBlock(expired)


@pytest.mark.parametrize("expires_at", [None, SOON])
def test_the_same_block_again_changes_nothing(expires_at: datetime | None) -> None:
    assert decide_block(StandingBlock(7, expires_at), expires_at, NOW) == KeepBlock()


@pytest.mark.parametrize(("before", "after"), [(None, SOON), (SOON, None), (SOON, LATER), (LATER, SOON)])
def test_another_end_replaces_the_end_of_a_standing_block(before: datetime | None, after: datetime | None) -> None:
    standing = StandingBlock(7, before)
    assert decide_block(standing, after, NOW) == ChangeExpiry(standing)


@pytest.mark.parametrize("standing", [None, StandingBlock(7, None), StandingBlock(7, SOON), StandingBlock(7, NOW)])
@pytest.mark.parametrize("expires_at", [NOW, NOW - timedelta(seconds=1)])
def test_a_block_that_would_be_over_at_once_is_refused(standing: StandingBlock | None, expires_at: datetime) -> None:
    assert decide_block(standing, expires_at, NOW) == RefuseExpiry()


def test_a_block_holds_until_the_instant_before_its_end() -> None:
    block = StandingBlock(7, NOW)
    assert not block.has_expired(NOW - timedelta(microseconds=1))
    assert block.has_expired(NOW)
