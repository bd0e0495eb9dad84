"""Commands about connections, how each ends, and the decisions on the way; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Final, TypeAlias

from contracts.connection_kinds import KINDS, ConnectionKey, ConnectionKind, Settings
from contracts.control_plane.connections import DefaultAnswer, Outcome, PutConnection, Result, Verification
from services.internal_admin.callers.identity import Caller
from services.internal_admin.changes.domain import NoSessionChanged
from services.internal_admin.secrets.domain.secret import StoredVersion
from shared.kernel.actor import Actor

MAX_CONNECTIONS: Final = 200
CANDIDATE_LIFE: Final = timedelta(minutes=15)
"""How long a candidate is kept for correction."""
VERIFICATION_TAKES: Final = timedelta(seconds=30)
"""A verification that did not end in this time was killed. It takes 10 seconds, and the two transactions around it."""
MAX_NAMED: Final = 10
"""The most users that a refusal names."""

Refs: TypeAlias = Mapping[str, StoredVersion]
"""The versions of the secrets of a revision, by the name of the secret."""


@dataclass(frozen=True, slots=True)
class Base:
    """A revision that a new one can be made of."""

    kind: str
    settings: Settings
    refs: Refs


@dataclass(frozen=True, slots=True)
class Standing:
    """The revisions of a connection, 0 where there is none. `is_verifying`: the candidate's verification goes on."""

    accepted: int
    candidate: int
    is_verifying: bool


@dataclass(frozen=True, slots=True)
class WriteCandidate:
    """Store a revision that is not accepted yet. `connection_id` is the id of a connection that this makes."""

    connection_id: str
    name: str
    asked: PutConnection
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A revision to verify, with its secrets in the clear, by field."""

    connection_id: str
    name: str
    kind: str
    revision: int
    settings: Settings
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Probed:
    """The end of one probe. `detail` is a word of ours; `account` a short name of the far end, if it told one."""

    result: Result
    detail: str
    duration_ms: int
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Settle:
    """End the verification of a revision. A candidate that failed is accepted only if `accepts_unverified`."""

    target: Target
    probed: Probed
    accepts_unverified: bool
    is_on_demand: bool
    caller: Caller


@dataclass(frozen=True, slots=True)
class ChangeOf:
    """Remove the connection of this name."""

    name: str
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class SetDefault:
    """Make a connection the default of a key. `name` None: there is no default any more."""

    key: ConnectionKey
    name: str | None
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class NotFound(NoSessionChanged):
    name: ClassVar[str] = "connection_not_found"


@dataclass(frozen=True, slots=True)
class RevisionConflict(NoSessionChanged):
    """The caller read another revision, or `standing` changed while the candidate was verified."""

    standing: Standing | None
    name: ClassVar[str] = "revision_conflict"


@dataclass(frozen=True, slots=True)
class KindDiffers(NoSessionChanged):
    """An accepted connection keeps its kind."""

    kind: str
    name: ClassVar[str] = "kind_differs"


@dataclass(frozen=True, slots=True)
class SecretMissing(NoSessionChanged):
    """A required field is not given. `is_for_another`: there is a value, for another server."""

    field: str
    is_for_another: bool
    name: ClassVar[str] = "secret_missing"


@dataclass(frozen=True, slots=True)
class TooMany(NoSessionChanged):
    name: ClassVar[str] = "limit_reached"


@dataclass(frozen=True, slots=True)
class Settled(NoSessionChanged):
    """The verification ended. `name` says whether the revision serves."""

    name: Outcome
    revision: int
    verification: Verification


@dataclass(frozen=True, slots=True)
class InUse(NoSessionChanged):
    """`users` are agents and defaults, at most one more than a refusal names."""

    users: tuple[str, ...]
    name: ClassVar[str] = "connection_in_use"


@dataclass(frozen=True, slots=True)
class Deleted(NoSessionChanged):
    name: ClassVar[str] = "deleted"


@dataclass(frozen=True, slots=True)
class NotAccepted(NoSessionChanged):
    """The connection has no accepted revision, so it cannot be a default."""

    name: ClassVar[str] = "not_active"


@dataclass(frozen=True, slots=True)
class UnfitKind(NoSessionChanged):
    """The kind of the connection has another key, or none."""

    kind: str
    name: ClassVar[str] = "unfit_kind"


@dataclass(frozen=True, slots=True)
class DefaultSet(NoSessionChanged):
    """`is_change` is false where the connection was the default before."""

    default: DefaultAnswer
    is_change: bool

    @property
    def name(self) -> str:
        return "set" if self.is_change else "unchanged"


@dataclass(frozen=True, slots=True)
class DefaultRemoved(NoSessionChanged):
    name: ClassVar[str] = "removed"


@dataclass(frozen=True, slots=True)
class NoDefault(NoSessionChanged):
    name: ClassVar[str] = "default_not_found"


CandidateOutcome: TypeAlias = Target | RevisionConflict | KindDiffers | SecretMissing | TooMany
SettleOutcome: TypeAlias = Settled | RevisionConflict
DeleteOutcome: TypeAlias = Deleted | InUse | NotFound
SetDefaultOutcome: TypeAlias = DefaultSet | DefaultRemoved | NotFound | NotAccepted | UnfitKind | NoDefault


def base_of(standing: Standing, expected: int) -> int | None:
    """The revision that a caller who read `expected` builds on, 0 for none; None: the caller must read again.

    Both the accepted revision and the candidate are good to build on. While a candidate is verified, none is.
    """
    is_known = expected == standing.accepted or expected == standing.candidate != 0
    return expected if is_known and not standing.is_verifying else None


def kept_secrets(kind: ConnectionKind, asked: PutConnection, base: Base | None) -> Refs | SecretMissing:
    """The stored versions that the new revision keeps: those of fields that are not given.

    A stored secret never goes to a server that it was not given for. Else a caller who may not read a secret could have
    it sent to a server of their own.
    """
    stored: Refs = {} if base is None or base.kind != kind.kind else base.refs
    is_same_server = base is not None and kind.far_end(base.settings) == kind.far_end(asked.settings)
    kept = dict[str, StoredVersion]()
    for each in kind.secrets:
        if each.name in asked.secrets:
            continue
        if each.secret_name in stored and is_same_server:
            kept[each.secret_name] = stored[each.secret_name]
        elif each.secret_name in stored or each.is_required:
            return SecretMissing(each.name, is_for_another=each.secret_name in stored)
    return _whole(kind, kept, asked)


def secret_names(asked: PutConnection, accepted: Base | None, revision: int) -> Mapping[str, StoredVersion | str]:
    """For each secret that is given, by its name: the stored secret that it becomes a version of, or a new one's name.

    A value for another server is another secret. Agents go on with the published settings, and with the secret for the
    server of those: none of them sends the new value to the old server.
    """
    names = [each.secret_name for each in asked.kind.secrets if asked.secrets.get(each.name)]
    if accepted is None:
        return {name: name for name in names}
    if accepted.kind == asked.kind.kind and asked.kind.far_end(accepted.settings) == asked.kind.far_end(asked.settings):
        return {name: accepted.refs.get(name, name) for name in names}
    return {name: f"{name}_{revision}" if name in accepted.refs else name for name in names}


def _whole(kind: ConnectionKind, kept: Refs, asked: PutConnection) -> Refs | SecretMissing:
    """Secrets that belong together are there together, or none of them is."""
    values = {name for name, value in asked.secrets.items() if value}
    absent = [name for name in kind.together if name not in values and name.upper() not in kept]
    if absent and len(absent) < len(kind.together):
        return SecretMissing(absent[0], is_for_another=False)
    return kept


def is_accepted(result: Result, *, accepts_unverified: bool) -> bool:
    """Whether a candidate with this result serves from now on."""
    return result == "verified" or accepts_unverified


def provider_kind(name: str, stored: str | None) -> str:
    """The kind of a provider's connection that the request does not name."""
    return stored or (name if name == "anthropic" else "openai_compatible")


def fits(kind: str, key: ConnectionKey) -> bool:
    """Whether a connection of the kind can be the default of the key."""
    return KINDS[kind].connection_key == key
