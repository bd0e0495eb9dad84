"""Changes of operators by the command line, and how each ends."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

OperatorState: TypeAlias = Literal["active", "locked", "disabled"]


@dataclass(frozen=True, slots=True)
class ListedOperator:
    """An operator, and whether they may log in. In the state `locked` no password is accepted until `locked_until`."""

    operator_id: str
    user_name: str
    is_owner: bool
    created_at: datetime
    disabled_at: datetime | None
    locked_until: datetime | None

    @property
    def state(self) -> OperatorState:
        if self.disabled_at is not None:
            return "disabled"
        return "active" if self.locked_until is None else "locked"


@dataclass(frozen=True, slots=True)
class OperatorNotFound:
    """No operator has that name or id."""

    name: ClassVar[str] = "operator_not_found"


@dataclass(frozen=True, slots=True)
class OperatorDisabled:
    """No password, recovery code, session or token of the operator is accepted any more, on any replica."""

    name: ClassVar[str] = "disabled"
    user_name: str
    session_count: int
    token_count: int


@dataclass(frozen=True, slots=True)
class AlreadyDisabled:
    """The operator was disabled before: nothing changed."""

    name: ClassVar[str] = "already_disabled"
    user_name: str


@dataclass(frozen=True, slots=True)
class OperatorEnabled:
    """The operator may log in again. Revoked sessions and tokens stay revoked."""

    name: ClassVar[str] = "enabled"
    user_name: str


@dataclass(frozen=True, slots=True)
class AlreadyEnabled:
    """The operator was enabled before: nothing changed."""

    name: ClassVar[str] = "already_enabled"
    user_name: str


@dataclass(frozen=True, slots=True)
class OperatorReset:
    """One recovery code is the only way in: password, other codes, sessions, tokens and lockout are gone."""

    name: ClassVar[str] = "reset"
    user_name: str
    is_disabled: bool
    session_count: int
    token_count: int


DisableOutcome: TypeAlias = OperatorDisabled | AlreadyDisabled | OperatorNotFound
EnableOutcome: TypeAlias = OperatorEnabled | AlreadyEnabled | OperatorNotFound
ResetOutcome: TypeAlias = OperatorReset | OperatorNotFound
