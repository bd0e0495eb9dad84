"""Sessions of operators, and the use that a session allows at its age (SPEC §10.4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from contracts.control_plane.operator_sessions import SessionHolder
from services.internal_admin.callers.identity import Caller

SessionState: TypeAlias = Literal["live", "renewal_due", "ended"]

RENEWAL_REST = timedelta(minutes=1)
"""A session that was renewed more recently stays as it is, so that a page that asks all the time writes few rows."""


@dataclass(frozen=True, slots=True)
class SessionClient:
    """The client that opens a session: its network's canonical text, and its `User-Agent`, cut to 256 characters."""

    network: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class SessionLives:
    """The life of a session. `absolute` runs from creation to the end, however often the session is renewed.

    The others run from the last renewal: after `renewal` the session may only be renewed, after `idle` it ends.
    """

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
class Status:
    """Whether there is an owner. `current` is the session of the request, None without one."""

    has_owner: bool
    current: HeldSession | None


@dataclass(frozen=True, slots=True)
class ReadSession:
    """A session that nobody revoked, of an operator who is not disabled; `now` is the instant that decides its age."""

    held: HeldSession
    now: datetime


def session_state(session: OperatorSession, now: datetime, lives: SessionLives) -> SessionState:
    """The use that the session allows at `now`: everything (`live`), renewal and log-out only, or nothing (`ended`)."""
    if now >= min(session.expires_at, session.renewed_at + lives.idle):
        return "ended"
    return "renewal_due" if now >= session.renewed_at + lives.renewal else "live"


def renew_before(session: OperatorSession, lives: SessionLives) -> datetime:
    """The instant from which the session may only be renewed, or its absolute end if that comes first."""
    return min(session.expires_at, session.renewed_at + lives.renewal)


def rests(session: OperatorSession, now: datetime) -> bool:
    """Whether the session was renewed or opened so recently that a renewal changes nothing."""
    return now < session.renewed_at + RENEWAL_REST


RevokeReason: TypeAlias = Literal["log_out", "operator_revoke"]
RevokeOutcome: TypeAlias = Literal["revoked", "already_revoked", "session_not_found"]
"""The words of the answer and of the audit trail."""


@dataclass(frozen=True, slots=True)
class RevokeOperatorSession:
    """Revoke a session for the operator `operator_id`: one of their own, or any for the owner. Others are not found."""

    operator_session_id: str
    operator_id: str
    reason_code: RevokeReason
    caller: Caller
