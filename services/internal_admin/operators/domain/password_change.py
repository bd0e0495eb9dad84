"""Domain: what changes how an operator proves who they are: the password, and the codes that do without it."""

from dataclasses import dataclass, field
from typing import TypeAlias

from services.internal_admin.callers.identity import Caller, Operator
from services.internal_admin.callers.secret import Secret
from services.internal_admin.operator_sessions.domain import HeldSession, SessionClient
from services.internal_admin.operators.domain.login import InvalidCredentials
from services.internal_admin.operators.domain.password import PasswordRefused


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """By an operator in a session, which stays; the others end."""

    operator: Operator
    current_password: str = field(repr=False)
    new_password: str = field(repr=False)
    caller: Caller


@dataclass(frozen=True, slots=True)
class RecoverPassword:
    """By whoever has a recovery code. Every session and token of the operator ends, a lockout too."""

    user_name: str = field(repr=False)
    recovery_code: str = field(repr=False)
    new_password: str = field(repr=False)
    client: SessionClient
    caller: Caller


@dataclass(frozen=True, slots=True)
class RegenerateRecoveryCodes:
    """By an operator in a session: new codes in place of those before."""

    operator: Operator
    current_password: str = field(repr=False)
    caller: Caller


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """From now on only the new one is taken."""

    revoked_session_count: int


@dataclass(frozen=True, slots=True)
class PasswordRecovered:
    """The new password holds, a session is open, and there are new codes in place of the used one and its rest."""

    held: HeldSession
    token: Secret
    recovery_codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecoveryCodesRegenerated:
    """Only these are taken."""

    recovery_codes: tuple[str, ...] = field(repr=False)


ChangePasswordOutcome: TypeAlias = PasswordChanged | InvalidCredentials | PasswordRefused
RecoverPasswordOutcome: TypeAlias = PasswordRecovered | InvalidCredentials | PasswordRefused
RegenerateOutcome: TypeAlias = RecoveryCodesRegenerated | InvalidCredentials
