"""Domain: API tokens: commands, and every way they end (SPEC §10.7)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Literal, TypeAlias

from services.internal_admin.callers.identity import Caller, Scope
from shared.kernel.actor import Actor

MARK = "authsession_token_"
"""What every token begins with, so that people and scanners of leaked secrets know one."""

TokenStatus: TypeAlias = Literal["active", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as lists show it. `created_by` None: made on the command line. `last_used_at` may be a minute old."""

    token_id: str
    name: str = field(repr=False)
    prefix: str
    scopes: frozenset[Scope]
    status: TokenStatus
    created_by: str | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Creator:
    """The operator who makes a token, and the session that must live while it is made."""

    operator_id: str
    operator_session_id: str


@dataclass(frozen=True, slots=True)
class CreateToken:
    """Make a token that lives for `life`. `creator` None: the command line, where `actor` is who sits at it."""

    name: str = field(repr=False)
    scopes: frozenset[Scope]
    life: timedelta
    creator: Creator | None
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """End a token for good; `actor` as above."""

    token_id: str
    reason_code: str
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """There is a token."""

    token: ApiToken
    name: ClassVar[str] = "created"


@dataclass(frozen=True, slots=True)
class CreatorGone:
    """The creator's session ended, or they were disabled, while the token was made: there is none."""

    name: ClassVar[str] = "invalid_credentials"


CreateTokenOutcome: TypeAlias = Created | CreatorGone
RevokeTokenOutcome: TypeAlias = Literal["revoked", "already_revoked", "token_not_found"]
"""Its word is that of the answer and of the audit trail."""
