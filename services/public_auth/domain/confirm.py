"""The decision of a confirm: one pure function over one read (SPEC §2.2, §3.7). It has no clock of its own."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from services.public_auth.domain.budget import ATTEMPTS_PER_CHALLENGE
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.device_session import DeviceSession

RESULT_LIFE = timedelta(minutes=10)
"""The time after success in which an exact repeat gets the same answer."""


class ChallengeState(StrEnum):
    """States of SPEC §3.3. `expired` is not stored; it follows from the time."""

    PENDING_SEND = "pending_send"
    SENT = "sent"
    DELIVERY_SUPPRESSED = "delivery_suppressed"
    DELIVERY_THROTTLED = "delivery_throttled"
    CONFIRMED = "confirmed_pending_expire"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def holds_reservation(self) -> bool:
        """Whether its guesses are compared with the code. The e-mail's budget reserved them when it was issued."""
        return self in (ChallengeState.PENDING_SEND, ChallengeState.SENT)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge in the state in which it was read."""

    challenge_id: str
    state: ChallengeState
    attempts: int
    expires_at: datetime
    confirmed_at: datetime | None
    login_code_id: UUID | None
    code_lives: bool
    """Whether its login code has neither ended nor expired at `ConfirmView.now`."""


@dataclass(frozen=True, slots=True)
class ConfirmView:
    """The data for the decision, from one statement at the instant `now` of Postgres' clock."""

    now: datetime
    challenge: Challenge
    user_id: str | None
    blocked: bool
    """The user or the e-mail is blocked, or its domain is blocked or not allowed."""
    may_sign_up: bool
    """A new user of the address may sign up, or only the user directory knows whether the user is new."""
    active_sessions: int
    """The sessions that count against the limit; 0 if there is no limit."""
    session_limit: int
    session_limit_policy: Literal["reject", "revoke_oldest"]
    require_client_key_proof: bool
    result: DeviceSession | None
    """The session that this challenge made; None before that."""


@dataclass(frozen=True, slots=True)
class Guess:
    """The client's key, proof and code. The code was compared in constant time before the decision."""

    client_key: ClientPublicKey
    proven: bool
    """A right client key proof was sent. A wrong one is refused earlier."""
    right: bool
    """The code is right for the challenge's login code."""


@dataclass(frozen=True, slots=True)
class MakeSession:
    """Make a session. With `revokes_oldest` the user's oldest sessions must be revoked to keep the limit."""

    revokes_oldest: bool


@dataclass(frozen=True, slots=True)
class RepeatSession:
    """Answer the exact repeat of a successful confirm with its session."""

    session: DeviceSession


@dataclass(frozen=True, slots=True)
class CountWrongCode:
    """Count one attempt, then answer `invalid_code`. `evaluated` means that it was compared with a live code."""

    evaluated: bool


class ConfirmRefusal(StrEnum):
    """Why a confirm is refused. As a decision it changes nothing: no attempt, no user; the code stays usable.

    Each word is an outcome in the metrics. Each but `client_key_proof_missing` is also an `ErrorCode`.
    """

    CHALLENGE_NOT_FOUND = "challenge_not_found"
    INVALID_CODE = "invalid_code"
    CHALLENGE_EXPIRED = "challenge_expired"
    BLOCKED_BY_POLICY = "blocked_by_policy"
    SESSION_LIMIT_EXCEEDED = "session_limit_exceeded"
    CLIENT_KEY_PROOF_MISSING = "client_key_proof_missing"


ConfirmDecision = MakeSession | RepeatSession | CountWrongCode | ConfirmRefusal


def decide_confirm(view: ConfirmView, guess: Guess) -> ConfirmDecision:
    """Decides one confirm. The write that follows must succeed only if `view` is still current."""
    challenge = view.challenge
    if view.require_client_key_proof and not guess.proven:
        return ConfirmRefusal.CLIENT_KEY_PROOF_MISSING
    if challenge.state is ChallengeState.CONFIRMED:
        return _repeat(view, guess)
    if view.now >= challenge.expires_at or challenge.attempts >= ATTEMPTS_PER_CHALLENGE:
        return ConfirmRefusal.CHALLENGE_EXPIRED
    if guess.right and not challenge.code_lives:
        return ConfirmRefusal.CHALLENGE_EXPIRED
    # A challenge that lost its place holds no reservation. Comparing its guesses with a live code would exceed the
    # budget, so even the right code counts as wrong. Decoys give the same answer.
    if not (guess.right and challenge.state.holds_reservation):
        return CountWrongCode(evaluated=challenge.state.holds_reservation)
    return _admit(view)


def _repeat(view: ConfirmView, guess: Guess) -> RepeatSession | ConfirmRefusal:
    confirmed_at, session = view.challenge.confirmed_at, view.result
    if confirmed_at is None or session is None or view.now >= confirmed_at + RESULT_LIFE:
        return ConfirmRefusal.CHALLENGE_EXPIRED
    if guess.right and guess.client_key == session.client_public_key:
        return RepeatSession(session)
    return ConfirmRefusal.INVALID_CODE


def _admit(view: ConfirmView) -> MakeSession | ConfirmRefusal:
    if view.blocked or (view.user_id is None and not view.may_sign_up):
        return ConfirmRefusal.BLOCKED_BY_POLICY
    if view.session_limit == 0 or view.active_sessions < view.session_limit:
        return MakeSession(revokes_oldest=False)
    if view.session_limit_policy == "reject":
        return ConfirmRefusal.SESSION_LIMIT_EXCEEDED
    return MakeSession(revokes_oldest=True)
