"""Laws of who is let in, and of what a wrong password costs (SPEC §10.6)."""

from dataclasses import replace
from datetime import timedelta

from services.internal_admin.operators.domain.login import Lockout, LoginDecision, LoginRecord, decide_login
from tests.support.builders import SOME_INSTANT

LOCKOUT = Lockout(5, timedelta(minutes=15))
FRESH = LoginRecord(0, None, is_disabled=False, now=SOME_INSTANT)
LOCKED = replace(FRESH, failed_logins=5, locked_until=SOME_INSTANT + timedelta(seconds=1))


def decide(record: LoginRecord, *, is_right: bool) -> LoginDecision:
    return decide_login(record, LOCKOUT, is_right=is_right)


def test_the_right_password_lets_in_and_forgets_the_wrong_ones() -> None:
    assert decide(replace(FRESH, failed_logins=4), is_right=True) == LoginDecision(None, 0, None)


def test_each_wrong_password_counts_and_the_last_one_locks() -> None:
    assert decide(replace(FRESH, failed_logins=3), is_right=False) == LoginDecision("wrong_password", 4, None)
    locked = LoginDecision("wrong_password", 5, SOME_INSTANT + timedelta(minutes=15))
    assert decide(replace(FRESH, failed_logins=4), is_right=False) == locked


def test_while_locked_nothing_is_taken_and_nothing_counts() -> None:
    for is_right in (True, False):
        assert decide(LOCKED, is_right=is_right) == LoginDecision("locked", 5, LOCKED.locked_until)


def test_a_lock_ends_at_its_instant_and_wrong_passwords_are_counted_anew() -> None:
    over = replace(LOCKED, locked_until=SOME_INSTANT)
    assert decide(over, is_right=False) == LoginDecision("wrong_password", 1, None)
    assert decide(over, is_right=True) == LoginDecision(None, 0, None)


def test_one_failure_may_be_all_there_is() -> None:
    once = Lockout(1, timedelta(minutes=15))
    over = replace(FRESH, failed_logins=1, locked_until=SOME_INSTANT)
    for record in (FRESH, over):
        assert decide_login(record, once, is_right=False).locked_until == SOME_INSTANT + timedelta(minutes=15)


def test_a_disabled_operator_is_refused_whatever_the_password_and_nothing_counts() -> None:
    for is_right in (True, False):
        record = replace(FRESH, failed_logins=2, is_disabled=True)
        assert decide(record, is_right=is_right) == LoginDecision("disabled", 2, None)
