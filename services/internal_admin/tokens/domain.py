"""Domain: API tokens: commands, and every way they end (SPEC §10.7)."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Literal, TypeAlias

from contracts.control_plane.tokens import ApiToken
from services.internal_admin.callers.identity import Caller, Scope
from shared.kernel.actor import Actor

MARK = "authsession_token_"
"""What every token begins with, so that people and scanners of leaked secrets know one."""


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
