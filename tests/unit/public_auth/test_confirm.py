"""Laws of a confirm's decision (SPEC §2.2, §3.3, §3.4, §3.7). Pure."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.errors import ErrorCode
from services.public_auth.domain.confirm import (
    Challenge,
    ChallengeState,
    ConfirmDecision,
    ConfirmRefusal,
    ConfirmView,
    CountWrongCode,
    Guess,
    MakeSession,
    RepeatSession,
    decide_confirm,
)
from tests.support.builders import SOME_INSTANT as NOW
from tests.support.builders import client_public_key, device_session, revoked_device_session

KEY, OTHER_KEY = client_public_key("mine"), client_public_key("another")
TICK = timedelta(microseconds=1)
TEN_MINUTES = timedelta(minutes=10)
WAITING = [ChallengeState.PENDING_SEND, ChallengeState.SENT]
DECOYS = [ChallengeState.DELIVERY_SUPPRESSED, ChallengeState.DELIVERY_THROTTLED]
WITHOUT_RESERVATION = [*DECOYS, ChallengeState.CANCELLED]
UNCONFIRMED = [state for state in ChallengeState if state not in (ChallengeState.CONFIRMED, ChallengeState.FAILED)]


def challenge(**changes: Any) -> Challenge:
    """Sent a minute ago, untried."""
    sent = Challenge(
        challenge_id="challenge-1",
        state=ChallengeState.SENT,
        attempts=0,
        expires_at=NOW + timedelta(minutes=9),
        confirmed_at=None,
        login_code_id=UUID(int=7),
        code_lives=True,
    )
    return replace(sent, **changes)


def view(challenge: Challenge, **changes: Any) -> ConfirmView:
    """No user yet, no block, no limit."""
    free = ConfirmView(
        now=NOW,
        challenge=challenge,
        user_id=None,
        blocked=False,
        may_sign_up=True,
        active_sessions=0,
        session_limit=0,
        session_limit_policy="reject",
        require_client_key_proof=False,
        result=None,
    )
    return replace(free, **changes)


RIGHT = Guess(KEY, proven=False, right=True)
WRONG = Guess(KEY, proven=False, right=False)


def decide(guess: Guess = RIGHT, *, of: Challenge | None = None, **changes: Any) -> ConfirmDecision:
    return decide_confirm(view(of or challenge(), **changes), guess)


@pytest.mark.parametrize("state", WAITING)
def test_the_right_code_makes_a_session_whether_the_mail_is_on_its_way_or_gone(state: ChallengeState) -> None:
    assert decide(of=challenge(state=state)) == MakeSession(revokes_oldest=False)


@pytest.mark.parametrize("attempts", range(5))
@pytest.mark.parametrize("state", WAITING)
def test_a_wrong_code_costs_an_attempt_that_is_evaluated(state: ChallengeState, attempts: int) -> None:
    assert decide(WRONG, of=challenge(state=state, attempts=attempts)) == CountWrongCode(evaluated=True)


@pytest.mark.parametrize("attempts", range(5))
@pytest.mark.parametrize("state", WITHOUT_RESERVATION)
def test_without_a_reservation_every_code_is_wrong_and_none_is_evaluated(state: ChallengeState, attempts: int) -> None:
    for guess in (WRONG, RIGHT):
        assert decide(guess, of=challenge(state=state, attempts=attempts)) == CountWrongCode(evaluated=False)


@pytest.mark.parametrize("code_lives", [False, True])
@pytest.mark.parametrize("state", UNCONFIRMED)
def test_a_wrong_code_is_answered_alike_in_every_state_until_the_fifth(
    state: ChallengeState, *, code_lives: bool
) -> None:
    """Else a stranger would learn whether an address is blocked, throttled or in use."""
    for attempts in range(5):
        of = challenge(state=state, attempts=attempts, code_lives=code_lives)
        assert isinstance(decide(WRONG, of=of), CountWrongCode)
    assert (
        decide(WRONG, of=challenge(state=state, attempts=5, code_lives=code_lives)) is ConfirmRefusal.CHALLENGE_EXPIRED
    )


@pytest.mark.parametrize("guess", [RIGHT, WRONG])
@pytest.mark.parametrize("state", [state for state in ChallengeState if state is not ChallengeState.CONFIRMED])
def test_time_over_is_expired_whatever_the_state_and_the_code(state: ChallengeState, guess: Guess) -> None:
    assert decide(guess, of=challenge(state=state, expires_at=NOW)) is ConfirmRefusal.CHALLENGE_EXPIRED


def test_a_challenge_runs_until_the_instant_before_its_end() -> None:
    assert decide(of=challenge(expires_at=NOW + TICK)) == MakeSession(revokes_oldest=False)


@pytest.mark.parametrize("guess", [RIGHT, WRONG])
def test_after_five_wrong_codes_the_challenge_is_over_even_for_the_right_one(guess: Guess) -> None:
    assert decide(guess, of=challenge(state=ChallengeState.FAILED, attempts=5)) is ConfirmRefusal.CHALLENGE_EXPIRED


@pytest.mark.parametrize("state", [*WAITING, ChallengeState.CANCELLED])
def test_the_right_code_of_a_login_code_that_ended_is_expired(state: ChallengeState) -> None:
    assert decide(of=challenge(state=state, code_lives=False)) is ConfirmRefusal.CHALLENGE_EXPIRED


def test_a_block_refuses_the_right_code_and_says_nothing_to_a_wrong_one() -> None:
    assert decide(blocked=True) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert decide(WRONG, blocked=True) == CountWrongCode(evaluated=True)


def test_where_no_new_user_may_sign_up_the_right_code_is_refused_and_a_user_that_exists_logs_in() -> None:
    assert decide(may_sign_up=False) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert decide(WRONG, may_sign_up=False) == CountWrongCode(evaluated=True)
    assert decide(may_sign_up=False, user_id="user-1") == MakeSession(revokes_oldest=False)


@pytest.mark.parametrize(
    ("active", "limit", "policy", "decision"),
    [
        (2, 3, "reject", MakeSession(revokes_oldest=False)),
        (3, 3, "reject", ConfirmRefusal.SESSION_LIMIT_EXCEEDED),
        (3, 3, "revoke_oldest", MakeSession(revokes_oldest=True)),
        (4, 3, "reject", ConfirmRefusal.SESSION_LIMIT_EXCEEDED),  # the limit was lowered
        (4, 3, "revoke_oldest", MakeSession(revokes_oldest=True)),
        (1, 1, "revoke_oldest", MakeSession(revokes_oldest=True)),
        (0, 0, "reject", MakeSession(revokes_oldest=False)),
        (0, 0, "revoke_oldest", MakeSession(revokes_oldest=False)),
    ],
)
def test_the_session_limit_counts_this_session_too(
    active: int, limit: int, policy: str, decision: ConfirmDecision
) -> None:
    outcome = decide(user_id="user-1", active_sessions=active, session_limit=limit, session_limit_policy=policy)
    assert outcome == decision


def test_a_block_is_told_before_the_limit_and_revokes_nothing() -> None:
    outcome = decide(
        blocked=True, user_id="user-1", active_sessions=1, session_limit=1, session_limit_policy="revoke_oldest"
    )
    assert outcome is ConfirmRefusal.BLOCKED_BY_POLICY


def test_a_limit_says_nothing_to_a_wrong_code() -> None:
    assert decide(WRONG, active_sessions=1, session_limit=1) == CountWrongCode(evaluated=True)


@pytest.mark.parametrize("guess", [RIGHT, WRONG])
@pytest.mark.parametrize("state", list(ChallengeState))
def test_a_mandatory_key_proof_comes_before_the_code_and_costs_nothing(state: ChallengeState, guess: Guess) -> None:
    assert (
        decide(guess, of=challenge(state=state), require_client_key_proof=True)
        is ConfirmRefusal.CLIENT_KEY_PROOF_MISSING
    )


@pytest.mark.parametrize("mandatory", [False, True])
def test_a_proven_key_is_decided_like_any_other(*, mandatory: bool) -> None:
    assert decide(replace(RIGHT, proven=True), require_client_key_proof=mandatory) == MakeSession(revokes_oldest=False)


SESSION = device_session(client_public_key=KEY)


def confirmed(ago: timedelta, **changes: Any) -> Challenge:
    return challenge(state=ChallengeState.CONFIRMED, confirmed_at=NOW - ago, code_lives=False, **changes)


@pytest.mark.parametrize("attempts", [0, 4])
@pytest.mark.parametrize("ago", [timedelta(0), TEN_MINUTES - TICK])
def test_an_exact_repeat_gets_its_session_for_ten_minutes(ago: timedelta, attempts: int) -> None:
    """Ten minutes after success, though the challenge's own ten may be over before."""
    of = confirmed(ago, attempts=attempts, expires_at=NOW - ago + TICK)
    assert decide(of=of, result=SESSION) == RepeatSession(SESSION)


@pytest.mark.parametrize("changes", [{"blocked": True}, {"session_limit": 1, "active_sessions": 1}])
def test_an_exact_repeat_is_no_second_login_so_neither_block_nor_limit_refuse_it(changes: dict[str, Any]) -> None:
    assert decide(of=confirmed(timedelta(0)), result=SESSION, **changes) == RepeatSession(SESSION)


def test_an_exact_repeat_gets_a_session_that_was_revoked_meanwhile() -> None:
    revoked = revoked_device_session(client_public_key=KEY)
    assert decide(of=confirmed(timedelta(0)), result=revoked) == RepeatSession(revoked)


@pytest.mark.parametrize(
    "guess", [WRONG, Guess(OTHER_KEY, proven=False, right=True), Guess(OTHER_KEY, proven=False, right=False)]
)
def test_after_success_another_key_or_code_is_invalid_and_uncounted(guess: Guess) -> None:
    assert decide(guess, of=confirmed(timedelta(0)), result=SESSION) is ConfirmRefusal.INVALID_CODE


@pytest.mark.parametrize("guess", [RIGHT, WRONG, Guess(OTHER_KEY, proven=False, right=True)])
def test_ten_minutes_after_success_everything_is_expired(guess: Guess) -> None:
    assert decide(guess, of=confirmed(TEN_MINUTES), result=SESSION) is ConfirmRefusal.CHALLENGE_EXPIRED


@pytest.mark.parametrize("guess", [RIGHT, WRONG])
def test_a_result_that_retention_removed_is_expired(guess: Guess) -> None:
    assert decide(guess, of=confirmed(timedelta(0)), result=None) is ConfirmRefusal.CHALLENGE_EXPIRED


def test_every_refusal_but_that_of_a_missing_proof_is_an_error_code() -> None:
    assert set(ConfirmRefusal) - set(map(str, ErrorCode)) == {ConfirmRefusal.CLIENT_KEY_PROOF_MISSING}
