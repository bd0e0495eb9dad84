"""Query and answer of `GET nodes/rollout`: which node of a pool has which configuration (SPEC §16.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias, get_args

from contracts.cursor import encode_position, read_position
from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.node.manifest import Position
from contracts.node.names import read_name
from contracts.node.status import ConfigError
from contracts.strict_query import decode_query, read_limit

RolloutState: TypeAlias = Literal["synced", "not_sent", "pending", "late", "rejected", "degraded", "ahead", "gone"]

STATES: Final[tuple[RolloutState, ...]] = get_args(RolloutState)
DEFAULT_LIMIT: Final = 100

_KNOWN = frozenset({"pool", "limit", "cursor"})


@dataclass(frozen=True, slots=True)
class RolloutQuery:
    """Asks for the nodes of a pool by id, after the node `after`."""

    pool: str
    limit: int = DEFAULT_LIMIT
    after: str = ""


@dataclass(frozen=True, slots=True)
class RolloutStage:
    """The stage of an unfinished activation. `halted_at` is None unless a rejection halted it."""

    percent: int
    halt_on_rejected: bool
    halted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RolloutItem:
    """One node. `error` is that of a rejected or degraded configuration."""

    node_id: str
    node_name: str
    state: RolloutState
    applied: Position
    offered: Position
    since: datetime
    error: ConfigError | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RolloutAnswer:
    """One page. `counts` are over all nodes of the pool. `activated_at` is None if nothing was ever activated."""

    pool: str
    position: Position
    activated_at: datetime | None
    counts: Mapping[RolloutState, int]
    items: Sequence[RolloutItem]
    stage: RolloutStage | None = None
    has_more: bool = False


def decode_rollout(query: str) -> RolloutQuery:
    """The query of a rollout. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    parameters = decode_query(query, _KNOWN)
    after = read_position(parameters) or ""
    return RolloutQuery(read_name(parameters, "pool"), read_limit(parameters) or DEFAULT_LIMIT, after)


def encode_rollout(answer: RolloutAnswer) -> bytes:
    """The answer. It has `next_cursor` only if more nodes follow."""
    shown: dict[str, object] = {
        "pool": answer.pool,
        "epoch": answer.position.epoch,
        "sequence": answer.position.sequence,
        "nodes": dict(answer.counts),
        "items": [_item_fields(item) for item in answer.items],
    }
    if answer.activated_at is not None:
        shown["activated_at"] = encode_instant(answer.activated_at)
    if answer.stage is not None:
        shown["stage"] = _stage_fields(answer.stage)
    if answer.has_more:
        shown["next_cursor"] = encode_position(answer.items[-1].node_id)
    return encode(shown)


def _stage_fields(stage: RolloutStage) -> dict[str, object]:
    halted = {} if stage.halted_at is None else {"halted_at": encode_instant(stage.halted_at)}
    return {"percent": stage.percent, "halt_on_rejected": stage.halt_on_rejected, **halted}


def _item_fields(item: RolloutItem) -> dict[str, object]:
    shown: dict[str, object] = {
        "node_id": item.node_id,
        "node_name": item.node_name,
        "state": item.state,
        "applied_epoch": item.applied.epoch,
        "applied_sequence": item.applied.sequence,
        "offered_epoch": item.offered.epoch,
        "offered_sequence": item.offered.sequence,
        "since": encode_instant(item.since),
    }
    if item.error is not None:
        error = {"code": item.error.code, "message": item.error.message}
        document = {} if item.error.document is None else {"document": item.error.document}
        shown["error"] = {**error, **document}
    return shown
