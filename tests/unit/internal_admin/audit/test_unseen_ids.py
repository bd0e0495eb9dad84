"""Laws of what a reader of the audit trail waits for. Pure."""

from services.internal_admin.audit.domain.unseen_ids import PATIENCE, Gap, UnseenIds

NOTHING = UnseenIds(0)
LATE = PATIENCE.total_seconds()


def test_ids_without_a_gap_leave_nothing_to_wait_for() -> None:
    assert NOTHING.after([1, 2, 3], now=0) == UnseenIds(3)


def test_a_missing_id_is_waited_for_and_holds_the_floor() -> None:
    seen = NOTHING.after([1, 4], now=7)
    assert seen == UnseenIds(4, (Gap(2, 3, 7),))
    assert seen.floor == 1


def test_an_id_that_appears_late_closes_its_gap_alone() -> None:
    seen = NOTHING.after([6], now=0).after([3], now=1)
    assert seen == UnseenIds(6, (Gap(1, 2, 0), Gap(4, 5, 0)))
    assert seen.after([1, 2, 4, 5], now=2) == UnseenIds(6)


def test_a_gap_is_given_up_when_no_transaction_can_fill_it_any_more() -> None:
    seen = NOTHING.after([2], now=0).after([4], now=1)
    assert seen.after([], now=LATE - 1).gaps == (Gap(1, 1, 0), Gap(3, 3, 1))
    assert seen.after([], now=LATE).gaps == (Gap(3, 3, 1),)
    assert seen.after([], now=LATE + 1) == UnseenIds(4)


def test_a_leap_of_the_sequence_is_one_gap() -> None:
    assert NOTHING.after([2**62], now=0).gaps == (Gap(1, 2**62 - 1, 0),)
