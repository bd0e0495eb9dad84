"""Commands on nodes and join tokens, their outcomes, and the decision on a join (SPEC §16.1)."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from contracts.control_plane.nodes import ApproveOutcome, JoinToken
from contracts.errors import ErrorCode
from contracts.node.join import JoinedNode, NodeKeys
from services.internal_admin.callers.identity import Caller, NodeCaller
from shared.kernel.actor import Actor

MAX_NODES: Final = 10_000
"""Nodes of the installation that are not revoked."""
MAX_POOLS: Final = 100
KEY_OVERLAP: Final = timedelta(minutes=10)
"""How long a replaced key still signs."""

_WRONG_NAME = "node_name is not the one of the join token"
_TOO_MANY_NODES = f"there are {MAX_NODES} nodes: revoke those that are gone"
_TOO_MANY_POOLS = f"there are {MAX_POOLS} pools, and no more may be made"


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed. `message` None: that of `code` is sent."""

    code: ErrorCode
    message: str | None = None

    @property
    def name(self) -> str:
        """The outcome in the audit trail."""
        return self.code.value


TOO_MANY_NODES: Final = Refused(ErrorCode.LIMIT_REACHED, _TOO_MANY_NODES)
TOO_MANY_POOLS: Final = Refused(ErrorCode.LIMIT_REACHED, _TOO_MANY_POOLS)
NAME_TAKEN: Final = Refused(ErrorCode.NODE_NAME_TAKEN)
KEY_TAKEN: Final = Refused(ErrorCode.INVALID_NODE_KEY)
KEY_REPLACED: Final = Refused(ErrorCode.INVALID_SIGNATURE, "the key was replaced: sign with the new one")


@dataclass(frozen=True, slots=True)
class JoinSettings:
    """`now_ms` is the time of Postgres as Unix milliseconds."""

    waits_for_approval: bool
    now_ms: int


@dataclass(frozen=True, slots=True)
class CreateJoinToken:
    """Make a join token whose secret has this hash. For the command line `actor` is the person at it."""

    join_token_id: str
    token_hash: bytes = field(repr=False)
    pool: str
    node_name: str | None
    uses: int
    life: timedelta
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class ChangeOf:
    """An operator's change of a thing with this id."""

    subject_id: str
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class RegisterNode:
    """Make an active node of keys that an operator brings."""

    node_id: str
    pool: str
    node_name: str
    keys: NodeKeys
    caller: Caller
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class JoinNode:
    """A join. The proof is verified. `join_token_id` and `token_hash` are None for a text that no join token can be."""

    node_id: str
    join_token_id: str | None
    token_hash: bytes | None = field(repr=False)
    node_name: str
    keys: NodeKeys
    software: str | None
    caller: Caller


@dataclass(frozen=True, slots=True)
class ChangeKey:
    """New keys of a node, with a verified proof."""

    node: NodeCaller
    keys: NodeKeys
    caller: Caller


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """The join token whose secret was shown. `has_ended`: it is expired or revoked."""

    join_token_id: str
    pool: str
    node_name: str | None
    uses_left: int
    has_ended: bool


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """The node that a public key belongs to, for ever. The encryption key is the one that came with it."""

    node: JoinedNode
    join_token_id: str | None
    encryption_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Joined:
    """The node of a join or a key change. `is_repeat`: it was so before, and nothing was changed."""

    node: JoinedNode
    server_time_ms: int
    is_repeat: bool

    @property
    def name(self) -> str:
        return "repeated" if self.is_repeat else "joined"


@dataclass(frozen=True, slots=True)
class TokenCreated:
    """The join token was made."""

    token: JoinToken


JoinDecision: TypeAlias = Literal["create"] | JoinedNode | Refused
"""A `JoinedNode` is that of an earlier join, which this one repeats."""
ApproveNodeOutcome: TypeAlias = ApproveOutcome | Refused


def decide_join(command: JoinNode, token: PresentedToken | None, holder: KeyHolder | None) -> JoinDecision:
    """Whether a join makes a node, repeats an earlier join, or is refused. `token` is None if no secret fits.

    A repeat needs the row of the token and no use of it: its first answer may have been lost. So the token may be
    spent, expired or revoked by now.
    """
    if token is None:
        return Refused(ErrorCode.INVALID_JOIN_TOKEN)
    if holder is not None and _is_repeat(command, token, holder):
        return Refused(ErrorCode.NODE_REVOKED) if holder.node.status == "revoked" else holder.node
    if token.has_ended or token.uses_left == 0:
        return Refused(ErrorCode.INVALID_JOIN_TOKEN)
    if holder is not None:
        return KEY_TAKEN
    if token.node_name not in (None, command.node_name):
        return Refused(ErrorCode.INVALID_REQUEST, _WRONG_NAME)
    return "create"


def is_same_registration(command: RegisterNode, holder: KeyHolder) -> bool:
    """Whether an operator registered exactly this node before, and it is not revoked."""
    node = holder.node
    wanted = (command.pool, command.node_name, command.keys.encryption_key)
    is_alike = (node.pool, node.node_name, holder.encryption_key) == wanted
    return is_alike and holder.join_token_id is None and node.status != "revoked"


def _is_repeat(command: JoinNode, token: PresentedToken, holder: KeyHolder) -> bool:
    found = (holder.join_token_id, holder.node.node_name, holder.encryption_key)
    return found == (token.join_token_id, command.node_name, command.keys.encryption_key)
