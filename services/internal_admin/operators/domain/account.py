"""An operator's account, as it is read to check a password or a recovery code."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.internal_admin.callers.secret import Secret
from services.internal_admin.operator_sessions.domain import SessionClient
from services.internal_admin.operators.domain.password import PasswordOwner


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it was before a password was hashed, read without a lock.

    `password_changed_at` shows later whether the account is still the same. `min_password_length` is the setting of
    that moment, in characters.
    """

    operator_id: str
    owner: PasswordOwner
    password_hash: str = field(repr=False)
    password_changed_at: datetime
    recovery_code_hashes: tuple[str, ...] = field(repr=False)
    is_disabled: bool
    min_password_length: int


@dataclass(frozen=True, slots=True)
class SessionOpening:
    """A session that is opened if the request succeeds."""

    operator_session_id: str
    token: Secret
    client: SessionClient
    life: timedelta
