"""What a confirm does: one pure function over what was read (SPEC §2.2, §3.7). No I/O, no clock of its own."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from services.public_auth.domain.budget import ATTEMPTS_PER_CHALLENGE
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.device_session import DeviceSession

RESULT_LIFE = timedelta(minutes=10)
"""How long after success an exact repeat gets the same answer."""


class ChallengeState(StrEnum):
    """States of SPEC §3.3; `expired` is derived from time and never stored."""

    PENDING_SEND = "pending_send"
    SENT = "sent"
    DELIVERY_SUPPRESSED = "delivery_suppressed"
    DELIVERY_THROTTLED = "delivery_throttled"
    CONFIRMED = "confirmed_pending_expire"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def holds_reservation(self) -> bool:
        """Whether its guesses are compared: they were reserved in the e-mail's budget when it was issued."""
        return self in (ChallengeState.PENDING_SEND, ChallengeState.SENT)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as it was read."""

    challenge_id: str
    state: ChallengeState
    attempts: int
    expires_at: datetime
    confirmed_at: datetime | None
    login_code_id: UUID | None
    code_lives: bool
    """Its login code neither ended nor expired at `ConfirmView.now`."""


@dataclass(frozen=True, slots=True)
class ConfirmView:
    """All that the decision needs, from one statement at the instant `now` of Postgres' clock."""

    now: datetime
    challenge: Challenge
    user_id: str | None
    blocked: bool
    """The user or the e-mail, or its domain, which may be blocked or not among those that are allowed."""
    active_sessions: int
    """How many count against the limit; 0 where there is none."""
    session_limit: int
    session_limit_policy: Literal["reject", "revoke_oldest"]
    require_client_key_proof: bool
    result: DeviceSession | None
    """The session that this challenge made."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What the client brought, compared in constant time before the decision is made."""

    client_key: ClientPublicKey
    proven: bool
    """A client key proof was sent; a wrong one never gets here."""
    right: bool
    """The code is that of the challenge's login code."""


@dataclass(frozen=True, slots=True)
class MakeSession:
    """The code is right and nothing forbids it; under policy `revoke_oldest` the oldest sessions may have to go."""

    revokes_oldest: bool


@dataclass(frozen=True, slots=True)
class RepeatSession:
    """An exact repeat of a confirm that succeeded."""

    session: DeviceSession


@dataclass(frozen=True, slots=True)
class CountWrongCode:
    """Count one attempt, then answer `invalid_code`; `evaluated` where it was compared with a live code."""

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
    """Decide one confirm. A write that follows must be guarded by what `view` holds."""
    challenge = view.challenge
    if view.require_client_key_proof and not guess.proven:
        return ConfirmRefusal.CLIENT_KEY_PROOF_MISSING
    if challenge.state is ChallengeState.CONFIRMED:
        return _repeat(view, guess)
    if view.now >= challenge.expires_at or challenge.attempts >= ATTEMPTS_PER_CHALLENGE:
        return ConfirmRefusal.CHALLENGE_EXPIRED
    if guess.right and not challenge.code_lives:
        return ConfirmRefusal.CHALLENGE_EXPIRED
    # A challenge that lost its place holds no reservation: comparing its guesses with a code that lives would
    # spend beyond the budget, so even the right code is wrong here. Decoys answer alike.
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
    if view.blocked:
        return ConfirmRefusal.BLOCKED_BY_POLICY
    if view.session_limit == 0 or view.active_sessions < view.session_limit:
        return MakeSession(revokes_oldest=False)
    if view.session_limit_policy == "reject":
        return ConfirmRefusal.SESSION_LIMIT_EXCEEDED
    return MakeSession(revokes_oldest=True)
