"""Facts about the connections and secrets that a draft names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

ScopeKind: TypeAlias = Literal["installation", "pool", "agent"]


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """A connection. `settings` and `secrets` are those of the accepted revision; `settings` is None if there is none.

    `secrets` has the id of the secret of each field.
    """

    name: str
    kind: str
    settings: Mapping[str, object] | None = field(repr=False)
    secrets: Mapping[str, str]
    is_failing: bool


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """A secret that an agent may mean by a name: its own, one of its pools or of the installation, or a granted one.

    `granted_pools` are pools of the agent that the secret is granted to.
    """

    secret_id: str
    name: str
    scope_kind: ScopeKind
    scope_id: str
    is_grantable: bool
    is_granted: bool
    granted_pools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ActiveVersion:
    """The active version, with the settings of its connections by name; None if this release cannot read it."""

    version: int
    settings: Mapping[str, Mapping[str, object]] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """`connections` are by name, those that exist. `default_model` is the name of the default model connection."""

    agent_id: str
    pools: tuple[str, ...]
    connections: Mapping[str, ConnectionFacts]
    default_model: str | None
    secrets: tuple[SecretFacts, ...]
    max_prompt_tokens: int
    active: ActiveVersion | None
