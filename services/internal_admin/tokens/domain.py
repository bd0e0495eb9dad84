"""API tokens, the commands on them, and every way they end (SPEC §10.7)."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Literal, TypeAlias

from contracts.control_plane.tokens import ApiToken
from services.internal_admin.callers.identity import Caller, Scope
from shared.kernel.actor import Actor

MARK = "authsession_token_"
"""The beginning of every token, so that people and scanners of leaked secrets know one."""


@dataclass(frozen=True, slots=True)
class Creator:
    """The operator who makes a token, and the session that must live while it is made."""

    operator_id: str
    operator_session_id: str


@dataclass(frozen=True, slots=True)
class CreateToken:
    """Make a token that lives for `life`. For the command line `creator` is None, and `actor` the person at it."""

    name: str = field(repr=False)
    scopes: frozenset[Scope]
    life: timedelta
    creator: Creator | None
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """End a token for good. `actor` is the person at the terminal, on the command line only."""

    token_id: str
    reason_code: str
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The token was made."""

    token: ApiToken
    name: ClassVar[str] = "created"


@dataclass(frozen=True, slots=True)
class CreatorGone:
    """The creator's session ended meanwhile, or the creator was disabled: no token was made."""

    name: ClassVar[str] = "invalid_credentials"


CreateTokenOutcome: TypeAlias = Created | CreatorGone
RevokeTokenOutcome: TypeAlias = Literal["revoked", "already_revoked", "token_not_found"]
"""The words of the answer and of the audit trail."""
