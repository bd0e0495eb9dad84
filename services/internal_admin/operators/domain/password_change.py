"""Changes of an operator's password and recovery codes, and how each ends (SPEC §10.3–§10.5)."""

from dataclasses import dataclass, field
from typing import TypeAlias

from services.internal_admin.callers.identity import Caller, Operator
from services.internal_admin.callers.secret import Secret
from services.internal_admin.operator_sessions.domain import HeldSession, SessionClient
from services.internal_admin.operators.domain.login import InvalidCredentials
from services.internal_admin.operators.domain.password import PasswordRefused


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """An operator changes the password from a session. That session stays; the others end."""

    operator: Operator
    current_password: str = field(repr=False)
    new_password: str = field(repr=False)
    caller: Caller


@dataclass(frozen=True, slots=True)
class RecoverPassword:
    """A recovery code sets a new password. Every session and token of the operator ends, and a lockout too."""

    user_name: str = field(repr=False)
    recovery_code: str = field(repr=False)
    new_password: str = field(repr=False)
    client: SessionClient
    caller: Caller


@dataclass(frozen=True, slots=True)
class RegenerateRecoveryCodes:
    """An operator replaces all recovery codes, from a session."""

    operator: Operator
    current_password: str = field(repr=False)
    caller: Caller


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """Only the new password is accepted from now on."""

    revoked_session_count: int


@dataclass(frozen=True, slots=True)
class PasswordRecovered:
    """The new password holds, and a session is open. New recovery codes replace the used one and the others."""

    held: HeldSession
    token: Secret
    recovery_codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecoveryCodesRegenerated:
    """Only these recovery codes are accepted from now on."""

    recovery_codes: tuple[str, ...] = field(repr=False)


ChangePasswordOutcome: TypeAlias = PasswordChanged | InvalidCredentials | PasswordRefused
RecoverPasswordOutcome: TypeAlias = PasswordRecovered | InvalidCredentials | PasswordRefused
RegenerateOutcome: TypeAlias = RecoveryCodesRegenerated | InvalidCredentials
