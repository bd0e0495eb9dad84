"""The decision whether an operator is let in, and the count of wrong passwords (SPEC §10.6).

The caller learns none of the reasons: every refusal is `invalid_credentials`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.secret import Secret
from services.internal_admin.operator_sessions.domain import HeldSession, SessionClient

CredentialFault: TypeAlias = Literal[
    "unknown_user_name",
    "wrong_password",
    "wrong_recovery_code",
    "wrong_setup_code",
    "wrong_registration_token",
    "locked",
    "disabled",
    "changed_meanwhile",
]


@dataclass(frozen=True, slots=True)
class Lockout:
    """After `max_failures` wrong passwords no password is accepted for `duration`. Then the count begins anew."""

    max_failures: int
    duration: timedelta


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """The locked row of an operator, as it is at `now`."""

    failed_logins: int
    locked_until: datetime | None
    is_disabled: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class LoginDecision:
    """`fault` is None if the operator is let in. The row always gets `failed_logins` and `locked_until`."""

    fault: CredentialFault | None
    failed_logins: int
    locked_until: datetime | None


def decide_login(record: LoginRecord, lockout: Lockout, *, is_right: bool) -> LoginDecision:
    """A locked or disabled operator is refused whatever the password, and the attempt does not count.

    The decision is made on the locked row, after the password was hashed. Of any number of guesses at once, those after
    the last one that counts are refused whether they are right or not.
    """
    if record.is_disabled:
        return LoginDecision("disabled", record.failed_logins, record.locked_until)
    if record.locked_until is not None and record.now < record.locked_until:
        return LoginDecision("locked", record.failed_logins, record.locked_until)
    if is_right:
        return LoginDecision(None, 0, None)
    failed_logins = 1 if record.locked_until is not None else record.failed_logins + 1
    is_last = failed_logins >= lockout.max_failures
    return LoginDecision("wrong_password", failed_logins, record.now + lockout.duration if is_last else None)


@dataclass(frozen=True, slots=True)
class LogIn:
    """Open a session for the holder of this name and password."""

    user_name: str = field(repr=False)
    password: str = field(repr=False)
    client: SessionClient
    caller: Caller


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The session is open. `token` is its secret."""

    held: HeldSession
    token: Secret


@dataclass(frozen=True, slots=True)
class InvalidCredentials:
    """The attempt is refused. The audit trail gets `fault`; the caller does not."""

    fault: CredentialFault


LogInOutcome: TypeAlias = LoggedIn | InvalidCredentials
