"""Domain: what an operator's account is to whoever proves that it is theirs."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.internal_admin.callers.secret import Secret
from services.internal_admin.operator_sessions.domain import SessionClient
from services.internal_admin.operators.domain.password import PasswordOwner


@dataclass(frozen=True, slots=True)
class Account:
    """Read without a lock, while a password is hashed. `password_changed_at` tells later whether that still holds.

    `min_password_length`, in characters, is the setting as it was then.
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
    """A session that is to be opened if all goes well."""

    operator_session_id: str
    token: Secret
    client: SessionClient
    life: timedelta
