"""Domain: sessions of operators, and what may be done with one at its age (SPEC §10.4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from contracts.control_plane.operator_sessions import SessionHolder
from services.internal_admin.callers.identity import Caller

SessionState: TypeAlias = Literal["live", "renewal_due", "ended"]

RENEWAL_REST = timedelta(minutes=1)
"""A session that was renewed less long ago stays as it is: a page that asks all the time writes no row all the time."""


@dataclass(frozen=True, slots=True)
class SessionClient:
    """Where a session was opened: the network's canonical text, the first 256 characters of the `User-Agent`."""

    network: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class SessionLives:
    """`absolute`: from creation to the end, however often renewed. Since the last renewal, `idle` ends a session, and
    `renewal` leaves it nothing but to be renewed."""

    absolute: timedelta
    idle: timedelta = timedelta(days=1)
    renewal: timedelta = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class OperatorSession:
    """A session that nobody revoked. `expires_at` is its absolute end, fixed when it was opened."""

    operator_session_id: str
    operator_id: str
    created_at: datetime
    renewed_at: datetime
    expires_at: datetime
    network: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class HeldSession:
    """A session and its operator."""

    session: OperatorSession
    holder: SessionHolder


@dataclass(frozen=True, slots=True)
class ReadSession:
    """A session that nobody revoked, of an operator who is not disabled; `now` is the instant that decides its age."""

    held: HeldSession
    now: datetime


def session_state(session: OperatorSession, now: datetime, lives: SessionLives) -> SessionState:
    """What the session may be used for at `now`: everything, its renewal (and log-out), nothing."""
    if now >= min(session.expires_at, session.renewed_at + lives.idle):
        return "ended"
    return "renewal_due" if now >= session.renewed_at + lives.renewal else "live"


def renew_before(session: OperatorSession, lives: SessionLives) -> datetime:
    """The instant from which the session may do nothing but be renewed, if it lives so long."""
    return min(session.expires_at, session.renewed_at + lives.renewal)


def rests(session: OperatorSession, now: datetime) -> bool:
    """Whether it was renewed (or opened) so lately that a renewal changes nothing."""
    return now < session.renewed_at + RENEWAL_REST


RevokeReason: TypeAlias = Literal["log_out", "operator_revoke"]
RevokeOutcome: TypeAlias = Literal["revoked", "already_revoked", "session_not_found"]
"""Its word is that of the answer and of the audit trail."""


@dataclass(frozen=True, slots=True)
class RevokeOperatorSession:
    """`operator_id` asks for it: their own session, or any if they are the owner. Others are not found."""

    operator_session_id: str
    operator_id: str
    reason_code: RevokeReason
    caller: Caller
