"""The registration of an agent's key: its command, its decision, and every way it ends; pure."""

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, TypeAlias

from services.internal_admin.callers.identity import Caller
from shared.kernel.actor import Actor
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.projection_change import ProjectionChange

MAX_ACTIVE_SESSIONS: Final = 1000
"""The most active sessions of one agent. A pause revokes all of them in one transaction."""
PAUSED: Final = "agent_paused"
"""The reason of sessions that a pause revoked."""


@dataclass(frozen=True, slots=True)
class RegisterKey:
    """Open a session for the agent. `pool` is the pool of the node that asks, or None for an operator.

    `device_session_id` is the id of the session, if a new one is made.
    """

    agent_id: str
    pool: str | None
    key: ClientPublicKey
    device_session_id: str
    caller: Caller


@dataclass(frozen=True, slots=True)
class Sessions:
    """The agent's sessions, read under its lock.

    `active` counts all that are not revoked; `living` leaves out those past their age, which count for no limit.
    `with_key` is the active session that the key opened before.
    """

    with_key: str | None
    active: int
    living: int
    limit: int
    limit_policy: Literal["reject", "revoke_oldest"]


@dataclass(frozen=True, slots=True)
class Open:
    """A new session is made. `revokes_oldest`: so many of the oldest give way to it that the limit holds."""

    revokes_oldest: bool


@dataclass(frozen=True, slots=True)
class Registered:
    """A new session. `changes` has it, and the sessions that gave way to it."""

    device_session_id: str
    changes: tuple[ProjectionChange, ...]
    name: ClassVar[Literal["registered"]] = "registered"


@dataclass(frozen=True, slots=True)
class AlreadyRegistered:
    """The key has an active session of the agent: nothing changed, and its record is written again."""

    device_session_id: str
    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[Literal["already_registered"]] = "already_registered"


@dataclass(frozen=True, slots=True)
class AgentNotFound:
    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "agent_not_found"


@dataclass(frozen=True, slots=True)
class AgentNotActive:
    """The agent has no active version, or none for the pool of the node that asks."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "agent_not_active"


@dataclass(frozen=True, slots=True)
class TooManySessions:
    """The setting `session_limit`, or `MAX_ACTIVE_SESSIONS`, is reached."""

    limit: int
    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "session_limit_exceeded"


RegisterOutcome: TypeAlias = Registered | AlreadyRegistered | AgentNotFound | AgentNotActive | TooManySessions


def decide(sessions: Sessions) -> Open | AlreadyRegistered | TooManySessions:
    """The same key keeps its session, so a lost answer leaves no second one. The limit is that of a person."""
    if sessions.with_key is not None:
        return AlreadyRegistered(sessions.with_key)
    is_full = sessions.limit > 0 and sessions.living >= sessions.limit
    if is_full and sessions.limit_policy == "reject":
        return TooManySessions(sessions.limit)
    if not is_full and sessions.active >= MAX_ACTIVE_SESSIONS:
        return TooManySessions(MAX_ACTIVE_SESSIONS)
    return Open(revokes_oldest=is_full)


def actor_of(caller: Caller) -> Actor:
    """The caller as the actor of a revocation: operators and tokens by their ids, others by their names."""
    kind, dash, _ = caller.name.partition("-")
    return Actor(kind, caller.name) if dash and kind in ("operator", "token") else Actor(caller.name, None)
