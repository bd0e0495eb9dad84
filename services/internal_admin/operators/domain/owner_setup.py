"""The claim of the first owner (SPEC §10.1): a setup code gives a registration token, and that registers the owner.

Code and token are stored as SHA-256: neither lives long enough for a guess at 60 or 256 random bits.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.secret import Secret, hash_secret
from services.internal_admin.operator_sessions.domain import HeldSession, SessionClient
from services.internal_admin.operators.domain.login import InvalidCredentials
from services.internal_admin.operators.domain.password import PasswordOwner, PasswordRefused
from services.internal_admin.operators.domain.readable_code import in_groups, new_readable_code, read_readable_code
from shared.kernel.entropy import Entropy

SETUP_CODE_LIFE = timedelta(minutes=15)
REGISTRATION_TOKEN_LIFE = timedelta(minutes=30)


def new_setup_code(entropy: Entropy) -> Secret:
    """A new code `XXXX-XXXX-XXXX`. Its hash is made of the code without hyphens."""
    code = new_readable_code(entropy)
    return Secret(in_groups(code), hash_secret(code))


def hash_of_setup_code(typed: str) -> bytes:
    """The hash that Postgres keeps of a typed code. Text that is no code gives a hash that Postgres never keeps."""
    return hash_secret(read_readable_code(typed) or "")


@dataclass(frozen=True, slots=True)
class ExchangeSetupCode:
    """Exchange a setup code for a registration token."""

    setup_code: str = field(repr=False)
    caller: Caller


@dataclass(frozen=True, slots=True)
class RegisterOwner:
    """Register the first owner.

    `needs_token` is False for a program of this machine, where the settings allow loopback bootstrap (SPEC §10.1).
    """

    registration_token: str | None = field(repr=False)
    needs_token: bool
    owner: PasswordOwner
    password: str = field(repr=False)
    client: SessionClient
    caller: Caller


@dataclass(frozen=True, slots=True)
class OwnerSetup:
    """Whether there is an owner, and whether the given registration token is the one that lives."""

    has_owner: bool
    is_token_good: bool
    min_password_length: int


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The setup code is used up. The token lives until `expires_at`."""

    registration_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OwnerRegistered:
    """The owner is registered and logged in. The recovery codes are shown this once."""

    held: HeldSession
    token: Secret
    recovery_codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnerExists:
    """There is an owner already."""


ExchangeOutcome: TypeAlias = Exchanged | OwnerExists | InvalidCredentials
RegisterOwnerOutcome: TypeAlias = OwnerRegistered | OwnerExists | InvalidCredentials | PasswordRefused


def registration_refusal(setup: OwnerSetup, command: RegisterOwner) -> OwnerExists | InvalidCredentials | None:
    """Why the registration is refused; None: it is not. A given token must be good even where none is needed."""
    if setup.has_owner:
        return OwnerExists()
    is_token_due = command.needs_token or command.registration_token is not None
    return InvalidCredentials("wrong_registration_token") if is_token_due and not setup.is_token_good else None
