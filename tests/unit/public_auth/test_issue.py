"""Laws of a send's decision (SPEC §3.4, §3.5, §3.6). Pure."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.public_auth.domain.budget import Budgets, Usage
from services.public_auth.domain.issue import (
    LOGIN_CODE_LIFE,
    IssueDecision,
    IssueView,
    LiveCode,
    NewCode,
    Place,
    ShareCode,
    Withhold,
    decide_issue,
)
from tests.support.builders import SOME_INSTANT as NOW

CODE_ID = UUID(int=7)
NOTHING = Usage(0, 0)
TICK = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)


def live_code(**changes: Any) -> LiveCode:
    """Made and mailed two minutes ago, with one challenge of another network."""
    code = LiveCode(CODE_ID, NOW + 8 * MINUTE, NOW - 2 * MINUTE, mails=Usage(1, 0), places=Usage(1, 0), oldest_own=None)
    return replace(code, **changes)


def view(**changes: Any) -> IssueView:
    """An address that nobody used, asked for by a stranger."""
    unused = IssueView(
        now=NOW,
        known=False,
        suppressed=None,
        mails_an_hour=NOTHING,
        mails_a_day=NOTHING,
        wrong_codes=NOTHING,
        code=None,
    )
    return replace(unused, **changes)


def decide(**changes: Any) -> IssueDecision:
    return decide_issue(view(**changes), Budgets())


def shared(*, mailed: bool, takes_place_of: Place | None = None) -> ShareCode:
    return ShareCode(CODE_ID, mailed=mailed, takes_place_of=takes_place_of)


def throttled(reason: str) -> Withhold:
    return Withhold(suppressed=False, reason=reason)


MAILS_SPENT = [{"mails_an_hour": Usage(8, 0)}, {"mails_an_hour": Usage(3, 3)}, {"mails_an_hour": Usage(6, 1)},
               {"mails_a_day": Usage(24, 0)}, {"mails_a_day": Usage(6, 6)}, {"mails_a_day": Usage(21, 1)}]  # fmt: skip
WRONG_CODES_SPENT = [{"wrong_codes": Usage(76, 0)}, {"wrong_codes": Usage(16, 16)}, {"wrong_codes": Usage(56, 5)}]


def test_an_address_without_a_code_gets_a_new_one() -> None:
    assert decide() == NewCode()


@pytest.mark.parametrize("spent", MAILS_SPENT)
def test_no_new_code_without_a_mail_for_it(spent: dict[str, Usage]) -> None:
    assert decide(**spent) == throttled("mail_budget")


@pytest.mark.parametrize("spent", WRONG_CODES_SPENT)
def test_no_new_code_unless_all_its_guesses_can_be_reserved(spent: dict[str, Usage]) -> None:
    assert decide(**spent) == throttled("wrong_code_budget")


@pytest.mark.parametrize(
    "used",
    [{"mails_an_hour": Usage(9, 2)}, {"mails_a_day": Usage(27, 5)}, {"wrong_codes": Usage(95, 15)}],
)
def test_a_known_network_reaches_what_is_kept_and_a_stranger_does_not(used: dict[str, Usage]) -> None:
    assert decide(known=True, **used) == NewCode()
    assert isinstance(decide(known=False, **used), Withhold)


@pytest.mark.parametrize(
    ("left", "since_mail", "decision"),
    [
        (3 * MINUTE + TICK, 2 * MINUTE, shared(mailed=True)),
        (3 * MINUTE, 2 * MINUTE, NewCode()),
        (3 * MINUTE, MINUTE, NewCode()),
        (3 * MINUTE, MINUTE - TICK, shared(mailed=False)),
        (TICK, MINUTE - TICK, shared(mailed=False)),
        (TICK, MINUTE, NewCode()),
        (9 * MINUTE, MINUTE - TICK, shared(mailed=False)),
        (9 * MINUTE, MINUTE, shared(mailed=True)),
        (9 * MINUTE, timedelta(0), shared(mailed=False)),
    ],
)
def test_a_code_is_shared_above_three_minutes_or_in_its_cooldown_and_mailed_outside_it(
    left: timedelta, since_mail: timedelta, decision: IssueDecision
) -> None:
    assert decide(code=live_code(expires_at=NOW + left, mailed_at=NOW - since_mail)) == decision


def test_a_code_whose_mail_never_left_is_mailed_while_it_is_shared() -> None:
    unmailed = live_code(mailed_at=None, mails=NOTHING)
    assert decide(code=unmailed) == shared(mailed=True)
    assert decide(code=replace(unmailed, expires_at=NOW + 3 * MINUTE)) == NewCode()


@pytest.mark.parametrize(
    ("mails", "to_stranger", "to_known"),
    [
        (Usage(1, 0), True, True),
        (Usage(1, 1), True, True),
        (Usage(2, 0), False, True),  # strangers had it mailed again: the owner still gets a letter of their own
        (Usage(2, 1), False, True),
        (Usage(2, 2), False, False),
        (Usage(3, 0), False, False),
    ],
)
def test_a_code_is_mailed_again_once_and_once_more_for_a_known_network(
    mails: Usage, *, to_stranger: bool, to_known: bool
) -> None:
    assert decide(code=live_code(mails=mails)) == shared(mailed=to_stranger)
    assert decide(code=live_code(mails=mails), known=True) == shared(mailed=to_known)


def test_a_code_that_is_shared_has_two_minutes_to_live() -> None:
    """A mail goes out only for a code with more than three, and its cooldown lasts one."""
    seconds = timedelta(seconds=5)
    for mailed_after in range(int(LOGIN_CODE_LIFE / seconds)):
        mailed_at = NOW + mailed_after * seconds
        decision = decide_issue(view(now=mailed_at, code=live_code(expires_at=NOW + LOGIN_CODE_LIFE)), Budgets())
        if decision != shared(mailed=True):
            continue
        code = live_code(expires_at=NOW + LOGIN_CODE_LIFE, mailed_at=mailed_at)
        last_shared = max(
            later * seconds
            for later in range(int(LOGIN_CODE_LIFE / seconds))
            if isinstance(decide_issue(view(now=NOW + later * seconds, code=code), Budgets()), ShareCode)
        )
        assert LOGIN_CODE_LIFE - last_shared >= 2 * MINUTE


@pytest.mark.parametrize("spent", MAILS_SPENT)
def test_without_a_mail_left_a_code_is_shared_unmailed(spent: dict[str, Usage]) -> None:
    assert decide(code=live_code(), **spent) == shared(mailed=False)


@pytest.mark.parametrize("places", [Usage(16, 0), Usage(17, 0)])
def test_a_stranger_finds_no_place_among_those_kept(places: Usage) -> None:
    assert decide(code=live_code(places=places)) == throttled("live_challenge_budget")
    assert decide(code=live_code(places=places), known=True) == shared(mailed=True)


def test_twenty_challenges_fill_a_code_for_everybody() -> None:
    assert decide(code=live_code(places=Usage(20, 0)), known=True) == throttled("live_challenge_budget")


def test_a_network_that_has_a_place_on_a_full_code_takes_its_own() -> None:
    oldest = Place("challenge-oldest", 0)
    code = live_code(places=Usage(20, 1), oldest_own=oldest)
    assert decide(code=code) == decide(code=code, known=True) == shared(mailed=True, takes_place_of=oldest)


def test_a_network_whose_guesses_are_reserved_takes_its_own_place_where_no_more_fit() -> None:
    oldest = Place("challenge-oldest", 0)
    code = live_code(places=Usage(8, 1), oldest_own=oldest)
    used = Usage(80, 5)
    assert decide(code=code, wrong_codes=used) == shared(mailed=True, takes_place_of=oldest)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("attempts", [0, 3])
def test_a_networks_third_challenge_takes_the_place_of_its_oldest_even_on_a_full_code(
    attempts: int, *, known: bool
) -> None:
    oldest = Place("challenge-oldest", attempts)
    code = live_code(places=Usage(20, 2), oldest_own=oldest)
    assert decide(code=code, known=known) == shared(mailed=True, takes_place_of=oldest)


@pytest.mark.parametrize(
    ("attempts", "used", "fits"),
    [
        (0, Usage(100, 20), True),  # five given back, five taken: no budget can refuse
        (1, Usage(20, 19), False),  # the last attempt of its share: others used the budget too
        (1, Usage(19, 19), True),
        (1, Usage(47, 10), True),
        (1, Usage(48, 10), False),
        (4, Usage(16, 16), True),
        (4, Usage(17, 16), False),
        (4, Usage(17, 17), False),
    ],
)
def test_a_taken_place_gives_back_only_the_attempts_it_had_not_spent(attempts: int, used: Usage, *, fits: bool) -> None:
    oldest = Place("challenge-oldest", attempts)
    decision = decide(code=live_code(places=Usage(2, 2), oldest_own=oldest), wrong_codes=used)
    assert decision == (shared(mailed=True, takes_place_of=oldest) if fits else throttled("wrong_code_budget"))


@pytest.mark.parametrize("spent", WRONG_CODES_SPENT)
def test_no_further_challenge_unless_all_its_guesses_can_be_reserved(spent: dict[str, Usage]) -> None:
    assert decide(code=live_code(), **spent) == throttled("wrong_code_budget")


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("code", [None, live_code()])
def test_a_suppressed_address_gets_no_code_whoever_asks(code: LiveCode | None, *, known: bool) -> None:
    assert decide(suppressed="blocked", known=known, code=code) == Withhold(suppressed=True, reason="blocked")
