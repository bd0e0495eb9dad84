"""Requests and answers of operators about nodes, their pools and join tokens (SPEC §16.1, §16.8).

Decoders check the form only.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, cast, get_args

from contracts.attribution import ATTRIBUTION_NAMES, Attribution, encode_actor, read_attribution
from contracts.cursor import encode_position, read_position
from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.node.join import NodeKeys, NodeStatus, read_node_keys
from contracts.node.names import is_name, read_name
from contracts.node.signed import ConfigKey, config_key_fields
from contracts.strict_json import Fields, decode_object, invalid, known_fields, read_text, read_whole_number
from contracts.strict_query import decode_query, read_limit

JoinTokenStatus: TypeAlias = Literal["active", "spent", "expired", "revoked"]
Liveness: TypeAlias = Literal["online", "late", "gone"]
CreatePoolOutcome: TypeAlias = Literal["created", "unchanged"]
RevokeOutcome: TypeAlias = Literal["revoked", "already_revoked"]
ApproveOutcome: TypeAlias = Literal["approved", "already_approved"]

DEFAULT_LIFE: Final = timedelta(minutes=15)
MIN_LIFE: Final = timedelta(minutes=1)
MAX_LIFE: Final = timedelta(days=7)
MAX_USES: Final = 1000
DEFAULT_LIMIT: Final = 100

_JOIN_TOKEN_NAMES = frozenset({"pool", "node_name", "uses", "expires_in_seconds"})
_REGISTER_NAMES = frozenset({"pool", "node_name", "node_public_key", "node_encryption_key"})
_PAGE_NAMES = frozenset({"limit", "cursor"})
_LIST_NAMES = _PAGE_NAMES | {"pool", "state", "liveness"}


@dataclass(frozen=True, slots=True)
class CreateJoinTokenRequest:
    """Asks for a join token. With `node_name` only a node of that name may use it, once."""

    pool: str
    node_name: str | None = None
    uses: int = 1
    life: timedelta = DEFAULT_LIFE


@dataclass(frozen=True, slots=True)
class RegisterNodeRequest:
    """Asks for a node whose keys the operator has. The private keys stay on the node."""

    pool: str
    node_name: str
    keys: NodeKeys


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Asks for at most `limit` rows that follow the id `after`."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None


@dataclass(frozen=True, slots=True)
class ListNodesQuery:
    """Asks for a page of nodes, newest first. Each filter that is None leaves nothing out."""

    page: PageQuery = PageQuery()
    pool: str | None = None
    status: NodeStatus | None = None
    liveness: Liveness | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of nodes. `nodes` counts those that are not revoked."""

    pool: str
    created_at: datetime
    nodes: int


@dataclass(frozen=True, slots=True)
class JoinToken:
    """A join token without its secret. `created_by` is the caller who made it."""

    join_token_id: str
    pool: str
    node_name: str | None
    uses: int
    uses_left: int
    status: JoinTokenStatus
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Revocation:
    """When and why a node was revoked, and by whom as the caller claimed."""

    revoked_at: datetime
    reason_code: str
    actor_type: str | None
    actor_id: str | None


@dataclass(frozen=True, slots=True)
class Node:
    """A node in a list. `liveness` comes from `last_seen_at`, which may be 30 s old; a revoked node is `gone`."""

    node_id: str
    pool: str
    node_name: str
    status: NodeStatus
    liveness: Liveness
    created_at: datetime
    join_token_id: str | None = None
    software: str | None = None
    approved_at: datetime | None = None
    last_seen_at: datetime | None = None
    revocation: Revocation | None = None


@dataclass(frozen=True, slots=True)
class NodeKeyAnswer:
    """A key of a node. `valid_until` is None for the current one."""

    generation: int
    public_key: bytes
    created_at: datetime
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class OfferedConfig:
    """The configuration that the node was last offered."""

    epoch: int
    sequence: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class AppliedConfig:
    """The configuration that serves. `digest` is lower-case hex."""

    epoch: int
    sequence: int
    digest: str
    outcome: str
    source: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class RejectedConfig:
    """The configuration that the node refused last, and its reason."""

    epoch: int
    sequence: int
    digest: str
    at: datetime | None
    code: str | None
    message: str | None = field(repr=False)
    document: str | None


@dataclass(frozen=True, slots=True)
class NodePage:
    """All that is known of one node. `report` is the last one, as the node sent it, without sessions."""

    node: Node
    keys: tuple[NodeKeyAnswer, ...]
    key_shared_at: datetime | None = None
    offered: OfferedConfig | None = None
    applied: AppliedConfig | None = None
    rejected: RejectedConfig | None = None
    report: Mapping[str, object] | None = field(default=None, repr=False)


def decode_create_join_token(body: bytes) -> CreateJoinTokenRequest:
    """The body of `POST node-join-tokens`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _JOIN_TOKEN_NAMES)
    node_name = read_name(fields, "node_name") if "node_name" in fields else None
    uses = read_whole_number(fields, "uses", 1, MAX_USES, 1)
    if node_name is not None and uses != 1:
        raise invalid("uses must be 1 with node_name")
    seconds = read_whole_number(
        fields, "expires_in_seconds", *(int(each.total_seconds()) for each in (MIN_LIFE, MAX_LIFE, DEFAULT_LIFE))
    )
    return CreateJoinTokenRequest(read_name(fields, "pool"), node_name, uses, timedelta(seconds=seconds))


def decode_register_node(body: bytes) -> RegisterNodeRequest:
    """The body of `POST nodes`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _REGISTER_NAMES)
    return RegisterNodeRequest(read_name(fields, "pool"), read_name(fields, "node_name"), read_node_keys(fields))


def decode_revoke_node(body: bytes) -> Attribution:
    """The body of `POST nodes/{node_id}/revoke`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    return read_attribution(known_fields(decode_object(body), ATTRIBUTION_NAMES))


def decode_page(query: str) -> PageQuery:
    """The query of `GET node-join-tokens`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    return _read_page(decode_query(query, _PAGE_NAMES))


def decode_list_nodes(query: str) -> ListNodesQuery:
    """The query of `GET nodes`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    parameters = decode_query(query, _LIST_NAMES)
    return ListNodesQuery(
        _read_page(parameters),
        read_name(parameters, "pool") if "pool" in parameters else None,
        cast("NodeStatus | None", _read_word(parameters, "state", get_args(NodeStatus))),
        cast("Liveness | None", _read_word(parameters, "liveness", get_args(Liveness))),
    )


def require_pool_name(text: str) -> str:
    """The name of a pool from a path. Raises `Refusal(INVALID_REQUEST)`."""
    if not is_name(text):
        raise invalid("pool must be 1 to 63 of a-z, 0-9 and -, without - at its ends")
    return text


def encode_created_join_token(token: JoinToken, secret: str) -> bytes:
    """The answer of `POST node-join-tokens`, the only one that holds the join string."""
    return encode({"join_token": _join_token(token), "secret": secret})


def encode_join_tokens(tokens: Sequence[JoinToken], next_after: str | None) -> bytes:
    """The answer of `GET node-join-tokens`; `next_cursor` only if more remain."""
    return _encode_page({"join_tokens": [_join_token(token) for token in tokens]}, next_after)


def encode_revoke_join_token(outcome: RevokeOutcome, join_token_id: str) -> bytes:
    """The answer of `DELETE node-join-tokens/{join_token_id}`."""
    return encode({"outcome": outcome, "join_token_id": join_token_id})


def encode_pools(pools: Sequence[Pool]) -> bytes:
    """The answer of `GET node-pools`: all pools, which are 100 at most."""
    return encode({"pools": [_pool(pool) for pool in pools]})


def encode_create_pool(outcome: CreatePoolOutcome, pool: Pool) -> bytes:
    """The answer of `PUT node-pools/{pool}`."""
    return encode({"outcome": outcome, "pool": _pool(pool)})


def encode_nodes(nodes: Sequence[Node], next_after: str | None) -> bytes:
    """The answer of `GET nodes`; `next_cursor` only if more remain."""
    return _encode_page({"nodes": [_node(node) for node in nodes]}, next_after)


def encode_registered_node(node: Node, config_keys: Sequence[ConfigKey]) -> bytes:
    """The answer of `POST nodes`. The node is given its id and these public keys; none of it is secret."""
    return encode({"node": _node(node), "config_keys": [config_key_fields(key) for key in config_keys]})


def encode_node_page(page: NodePage) -> bytes:
    """The answer of `GET nodes/{node_id}`."""
    return encode(node_page_fields(page))


def encode_approve_node(outcome: ApproveOutcome, node_id: str) -> bytes:
    """The answer of `POST nodes/{node_id}/approve`."""
    return encode({"outcome": outcome, "node_id": node_id})


def encode_revoke_node(outcome: RevokeOutcome, node_id: str) -> bytes:
    """The answer of `POST nodes/{node_id}/revoke`."""
    return encode({"outcome": outcome, "node_id": node_id})


def node_page_fields(page: NodePage) -> dict[str, object]:
    """The JSON object of a node's page; the command line prints it too."""
    shown: dict[str, object] = {"node": _node(page.node), "keys": [_key(key) for key in page.keys]}
    if page.key_shared_at is not None:
        shown["key_shared_at"] = encode_instant(page.key_shared_at)
    if page.offered is not None:
        shown["offered"] = _known({
            "epoch": page.offered.epoch, "sequence": page.offered.sequence, "at": _instant(page.offered.at),
        })  # fmt: skip
    if page.applied is not None:
        applied = page.applied
        shown["applied"] = _known({
            "epoch": applied.epoch, "sequence": applied.sequence, "digest": applied.digest, "outcome": applied.outcome,
            "source": applied.source, "at": _instant(applied.at),
        })  # fmt: skip
    if page.rejected is not None:
        rejected = page.rejected
        error = _known({"code": rejected.code, "message": rejected.message, "document": rejected.document})
        shown["rejected"] = _known({
            "epoch": rejected.epoch, "sequence": rejected.sequence, "digest": rejected.digest,
            "at": _instant(rejected.at), "error": error or None,
        })  # fmt: skip
    if page.report is not None:
        shown["report"] = dict(page.report)
    return shown


def _encode_page(answer: dict[str, object], next_after: str | None) -> bytes:
    return encode(answer if next_after is None else {**answer, "next_cursor": encode_position(next_after)})


def _read_page(parameters: Fields) -> PageQuery:
    return PageQuery(read_limit(parameters) or DEFAULT_LIMIT, read_position(parameters))


def _read_word(parameters: Fields, name: str, words: Sequence[str]) -> str | None:
    if name not in parameters:
        return None
    word = read_text(parameters, name)
    if word not in words:
        raise invalid(f"{name} must be {', '.join(words[:-1])} or {words[-1]}")
    return word


def _join_token(token: JoinToken) -> dict[str, object]:
    return _known(
        {
            "join_token_id": token.join_token_id,
            "pool": token.pool,
            "node_name": token.node_name,
            "uses": token.uses,
            "uses_left": token.uses_left,
            "status": token.status,
            "created_by": token.created_by,
            "created_at": encode_instant(token.created_at),
            "expires_at": encode_instant(token.expires_at),
            "revoked_at": _instant(token.revoked_at),
        }
    )


def _pool(pool: Pool) -> dict[str, object]:
    return {"pool": pool.pool, "created_at": encode_instant(pool.created_at), "nodes": pool.nodes}


def _node(node: Node) -> dict[str, object]:
    shown = _known(
        {
            "node_id": node.node_id,
            "pool": node.pool,
            "node_name": node.node_name,
            "status": node.status,
            "liveness": node.liveness,
            "created_at": encode_instant(node.created_at),
            "join_token_id": node.join_token_id,
            "software": node.software,
            "approved_at": _instant(node.approved_at),
            "last_seen_at": _instant(node.last_seen_at),
        }
    )
    if node.revocation is not None:
        shown["revoked_at"] = encode_instant(node.revocation.revoked_at)
        shown["revoke_reason_code"] = node.revocation.reason_code
        if node.revocation.actor_type is not None:
            shown["revoke_actor"] = encode_actor(node.revocation.actor_type, node.revocation.actor_id)
    return shown


def _key(key: NodeKeyAnswer) -> dict[str, object]:
    return _known(
        {
            "generation": key.generation,
            "public_key": base64.b64encode(key.public_key).decode("ascii"),
            "created_at": encode_instant(key.created_at),
            "valid_until": _instant(key.valid_until),
        }
    )


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else encode_instant(instant)


def _known(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}
