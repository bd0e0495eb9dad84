"""The identities of callers, and the scopes of tokens (SPEC §4.4, §4.5, §10.7)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, TypeAlias

from shared.kernel.actor import Actor


class Scope(StrEnum):
    """One permission of a token. Operators have all of them. A scope's word is contract: it is never renamed."""

    SESSIONS_READ = "sessions:read"
    SESSIONS_REVOKE = "sessions:revoke"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    USERS_DELETE = "users:delete"
    BLOCKS_READ = "blocks:read"
    BLOCKS_WRITE = "blocks:write"
    INVITATIONS_READ = "invitations:read"
    INVITATIONS_WRITE = "invitations:write"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    AUDIT_READ = "audit:read"
    MAILBOX_READ = "mailbox:read"
    NODES_READ = "nodes:read"
    NODES_WRITE = "nodes:write"
    GATEWAY_CONFIGS_READ = "gateway-configs:read"
    GATEWAY_CONFIGS_WRITE = "gateway-configs:write"
    GATEWAY_CONFIGS_PUBLISH = "gateway-configs:publish"
    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    AGENTS_PUBLISH = "agents:publish"
    AGENTS_KEYS = "agents:keys"
    SECRETS_READ = "secrets:read"
    SECRETS_WRITE = "secrets:write"
    CONNECTIONS_READ = "connections:read"
    CONNECTIONS_WRITE = "connections:write"


@dataclass(frozen=True, slots=True)
class TrustedNetwork:
    """A caller without credentials, while the internal API needs none (SPEC §4.5)."""

    name: ClassVar[str] = "trusted_network"


@dataclass(frozen=True, slots=True)
class Operator:
    """A person with a live session. `is_renewal_due`: the session may only be renewed or logged out (SPEC §10.4)."""

    operator_id: str
    operator_session_id: str
    is_renewal_due: bool = False
    is_by_cookie: bool = False

    @property
    def name(self) -> str:
        return self.operator_id


@dataclass(frozen=True, slots=True)
class Token:
    """A service with a live API token."""

    token_id: str
    scopes: frozenset[Scope]

    @property
    def name(self) -> str:
        return self.token_id


@dataclass(frozen=True, slots=True)
class NodeCaller:
    """An active node whose key signed the request. It is a caller of the node API alone, so it is no `Identity`.

    `request_id` and `signed_at_ms` are those of the envelope: the signature covers them, other headers are not signed.
    `encryption_key` is the X25519 key that came with the signing key.
    """

    node_id: str
    pool: str
    node_name: str
    key_generation: int
    encryption_key: bytes = field(repr=False)
    request_id: str
    signed_at_ms: int

    @property
    def name(self) -> str:
        return self.node_id


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """A holder of `CONTROL_PLANE_API_TOKEN`. It has every scope, and each use is audited."""

    name: ClassVar[str] = "break_glass"


@dataclass(frozen=True, slots=True)
class Unauthenticated:
    """A caller without credentials whom `CONTROL_PLANE_AUTH_MODE=development|open` admits. It has every scope."""

    name: ClassVar[str] = "unauthenticated"


_SHARED = (TrustedNetwork, BreakGlass, Unauthenticated)
"""Each of these names may stand for several services."""


def is_shared(identity: "Identity") -> bool:
    """Whether two callers may have this identity at once. Then only their networks tell them apart."""
    return isinstance(identity, _SHARED)


Identity: TypeAlias = TrustedNetwork | Operator | Token | BreakGlass | Unauthenticated


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated party and its network. `network` is the peer's canonical text, None for a Unix socket.

    The command line has neither network nor request id.
    """

    name: str
    network: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Cause:
    """The cause of a change: a reason, the actor that the caller claims, and the caller itself."""

    reason_code: str
    actor: Actor
    caller: Caller
