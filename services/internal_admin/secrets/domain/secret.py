"""Secrets as operators see and change them, and the outcomes of changes. No outcome holds a value."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from contracts.agent_id import is_agent_id
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.identity import Caller
from services.internal_admin.changes.domain import NoSessionChanged
from shared.kernel.actor import Actor
from shared.kernel.sealing import Unsealable

ScopeKind: TypeAlias = Literal["installation", "pool", "agent", "connection"]
Usage: TypeAlias = Literal["system", "grantable"]
VersionState: TypeAlias = Literal["enabled", "disabled", "destroyed"]
GranteeKind: TypeAlias = Literal["pool", "agent"]

MAX_SECRETS: Final = 1_000
"""Secrets of one scope that are not deleted."""
MAX_GRANTS: Final = 100
"""Grants of one secret."""
MAX_SHOWN_VERSIONS: Final = 100
"""The newest versions that the answer about one secret shows."""

_SYSTEM_NAMES = ("AUTHSESSION_", "CONTROL_PLANE_")


@dataclass(frozen=True, slots=True)
class SecretScope:
    """The owner of a secret. `id` is a pool, an agent's id or a connection's id; empty for the installation."""

    kind: ScopeKind
    id: str = ""


INSTALLATION: Final = SecretScope("installation")


@dataclass(frozen=True, slots=True)
class Grantee:
    """A pool or an agent that a secret is granted to."""

    kind: GranteeKind
    id: str


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version of a secret."""

    secret_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret without its values. `current_version` is 0 if no version is current."""

    secret_id: str
    scope: SecretScope
    name: str
    usage: Usage
    current_version: int
    last_version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    last_opened_at: datetime | None = None
    opened_by: str | None = None

    @property
    def serves_connection(self) -> bool:
        """Whether a connection may name the current version of the secret, and those after it."""
        return self.scope.kind == "connection" and self.deleted_at is None


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version without its value. `key_id` names the key of the ring that wraps its data key."""

    version: int
    state: VersionState
    key_id: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant, with the caller who made it."""

    grantee: Grantee
    granted_by: str
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class WholeSecret:
    """A secret with its newest versions and all of its grants."""

    secret: Secret
    versions: tuple[SecretVersion, ...]
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class PutSecret:
    """Write a value. `secret_id` is the id of a secret that this makes; `expected_version` None: whatever is there.

    `usage` counts at creation alone.
    """

    secret_id: str
    scope: SecretScope
    name: str
    value: bytes = field(repr=False)
    usage: Usage | None
    expected_version: int | None
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class RestoreSecret:
    """Make a new version of the value that an earlier one has."""

    secret_id: str
    version: int
    expected_version: int | None
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class ChangeGrant:
    """Grant a secret to a pool or an agent, or withdraw the grant."""

    secret_id: str
    grantee: Grantee
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class ChangeSecret:
    """Delete a secret, or bring it back."""

    secret_id: str
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class DestroyVersions:
    """Destroy versions for good."""

    secret_id: str
    versions: tuple[int, ...]
    caller: Caller
    actor: Actor | None = None


Command: TypeAlias = PutSecret | RestoreSecret | ChangeGrant | ChangeSecret | DestroyVersions


@dataclass(frozen=True, slots=True)
class Written(NoSessionChanged):
    """A new version is current. `name` is `created`, `updated` or `restored`."""

    name: Literal["created", "updated", "restored"]
    version: StoredVersion


@dataclass(frozen=True, slots=True)
class Changed(NoSessionChanged):
    """A change that made no version. `name` is its outcome; it may be that nothing was left to do."""

    name: str
    secret_id: str
    versions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused(NoSessionChanged):
    """Nothing was changed. `message` None: that of `code` is sent."""

    code: ErrorCode
    message: str | None = None

    @property
    def name(self) -> str:
        """The outcome in the audit trail."""
        return self.code.value


WriteOutcome: TypeAlias = Written | Refused
ChangeOutcome: TypeAlias = Changed | Refused

SECRET_NOT_FOUND: Final = Refused(ErrorCode.SECRET_NOT_FOUND)
AGENT_NOT_FOUND: Final = Refused(ErrorCode.AGENT_NOT_FOUND)
POOL_NOT_FOUND: Final = Refused(ErrorCode.POOL_NOT_FOUND)
GRANT_NOT_FOUND: Final = Refused(ErrorCode.GRANT_NOT_FOUND)
VERSION_NOT_FOUND: Final = Refused(ErrorCode.VERSION_NOT_FOUND)
VERSION_GONE: Final = Refused(ErrorCode.SECRET_VERSION_GONE)
NOT_GRANTABLE: Final = Refused(ErrorCode.SECRET_NOT_GRANTABLE)
TOO_MANY_SECRETS: Final = Refused(
    ErrorCode.LIMIT_REACHED, f"the scope has {MAX_SECRETS} secrets: delete those that are not needed"
)
TOO_MANY_GRANTS: Final = Refused(ErrorCode.LIMIT_REACHED, f"the secret has {MAX_GRANTS} grants: withdraw some")
NAME_TAKEN: Final = Refused(ErrorCode.NAME_TAKEN, "another secret of the scope has this name")
OF_CONNECTION: Final = Refused(ErrorCode.INVALID_REQUEST, "the secret of a connection changes with the connection")
SERVES_CONNECTION: Final = Refused(
    ErrorCode.INVALID_REQUEST, "a connection may use this version: write another value there, then destroy the old one"
)


class UnreadableSecret(Unsealable):
    """The row of a version is not the one that was sealed. The text names ids only."""

    def __init__(self, secret_id: str, version: int) -> None:
        super().__init__(f"version {version} of {secret_id} cannot be opened: its row was changed")
        self.secret_id, self.version = secret_id, version


class SecretGone(Refusal):
    """The secret or the version does not exist, is disabled or is destroyed.

    `authsession secrets abandon-key` destroys also what is in use.
    """

    def __init__(self) -> None:
        super().__init__(ErrorCode.SECRET_VERSION_GONE, "a stored secret was destroyed: give its value again")


def usage_of(name: str, asked: Usage | None) -> Usage:
    """The usage of a new secret. A name of the product's own settings is never grantable."""
    return "system" if name.startswith(_SYSTEM_NAMES) else asked or "grantable"


def grantee_of(text: str) -> Grantee:
    """The agent of an agent's id, else the pool of that name."""
    return Grantee("agent" if is_agent_id(text) else "pool", text)


def version_conflict(secret: Secret | None, expected: int | None) -> Refused | None:
    """The refusal of a caller who expected another version; 0 means that the secret must not exist."""
    last = 0 if secret is None else secret.last_version
    if expected is None or expected == last:
        return None
    found = "there is no such secret" if secret is None else f"the last version is {last}"
    return Refused(ErrorCode.VERSION_CONFLICT, found)
