"""The routes of nodes for configuration, documents and status, and the rollout for operators (SPEC §16.3, §16.5)."""

from dataclasses import dataclass
from datetime import timedelta

from contracts.control_plane.rollout import (
    RolloutAnswer,
    RolloutItem,
    RolloutStage,
    decode_rollout,
    encode_rollout,
)
from contracts.errors import ErrorCode, Refusal
from contracts.node.names import CONFIG_PATH, DOCUMENTS_PATH, STATUS_PATH, is_digest
from contracts.node.poll import decode_poll
from contracts.node.status import MAX_STATUS_BYTES, decode_status, encode_recorded
from services.internal_admin.callers.access import Scoped, SignedByNode
from services.internal_admin.callers.identity import Identity, NodeCaller, Scope
from services.internal_admin.callers.paths import CONTROL_PLANE
from services.internal_admin.callers.request import caller_of
from services.internal_admin.callers.route import MINUTE, NodeRoute, PerNode, Route
from services.internal_admin.node_config.domain.head import Head
from services.internal_admin.node_config.domain.rollout import NodeRollout
from services.internal_admin.node_config.flow import Polls, Statuses
from services.internal_admin.node_config.rollout import PoolRollout, Rollouts
from shared.web.exchange import BodyRule, Request, Response
from shared.web.refusals import refusal

_KEYS_TAKE = timedelta(minutes=1)
_IMMUTABLE = ((b"cache-control", b"public, max-age=31536000, immutable"),)


@dataclass(frozen=True, slots=True)
class NodeConfigApi:
    """The calls of nodes."""

    polls: Polls
    statuses: Statuses

    async def poll(self, request: Request, node: NodeCaller) -> Response:
        """The signed statement, and the manifest if the node has not seen it. It may wait for news."""
        if not self.polls.can_sign:
            return refusal(ErrorCode.SIGNING_KEYS_MISSING, retry_after=_KEYS_TAKE)
        return Response(200, await self.polls.answer(decode_poll(request.query), node, request.hold))

    async def document(self, request: Request, node: NodeCaller) -> Response:
        """The bytes of a document. They never change, so any cache may keep them."""
        digest = request.path_parameters["digest"]
        if not is_digest(digest):
            raise Refusal(ErrorCode.DOCUMENT_NOT_FOUND)
        return Response(200, await self.polls.document(digest, node), _IMMUTABLE)

    async def record_status(self, request: Request, node: NodeCaller) -> Response:
        """Record a status. A repeat, or a status that an earlier one overtook, changes nothing."""
        status = decode_status(request.body)
        await self.statuses.record(status, node, caller_of(request, node))
        return Response(200, encode_recorded())


@dataclass(frozen=True, slots=True)
class RolloutApi:
    """Shows operators which node has which configuration."""

    rollouts: Rollouts

    async def read(self, request: Request, _: Identity | None) -> Response:
        """The rollout of one pool."""
        asked = decode_rollout(request.query)
        found = await self.rollouts.read(asked.pool, asked.after, asked.limit)
        if found is None:
            raise Refusal(ErrorCode.POOL_NOT_FOUND)
        return Response(200, encode_rollout(rollout_answer(found)))


def rollout_answer(found: PoolRollout) -> RolloutAnswer:
    """The answer of a rollout. The command line gives the same."""
    head, items = found.head, [_item(node) for node in found.page.items]
    return RolloutAnswer(
        head.pool, head.newest.position, head.activated_at, found.counts, items, _stage(head), found.page.has_more
    )


NODE_ROUTES: tuple[NodeRoute[NodeConfigApi], ...] = (
    NodeRoute("GET", CONFIG_PATH, NodeConfigApi.poll, access=SignedByNode(), limit=PerNode("node_config", 120, MINUTE)),
    NodeRoute("GET", DOCUMENTS_PATH + "/{digest}", NodeConfigApi.document, access=SignedByNode()),
    NodeRoute(
        "PUT",
        STATUS_PATH,
        NodeConfigApi.record_status,
        access=SignedByNode(),
        limit=PerNode("node_status", 12, MINUTE),
        body=BodyRule(max_bytes=MAX_STATUS_BYTES),
    ),
)
ROUTES: tuple[Route[RolloutApi], ...] = (
    Route("GET", CONTROL_PLANE + "/nodes/rollout", RolloutApi.read, access=Scoped(Scope.NODES_READ)),
)


def _stage(head: Head) -> RolloutStage | None:
    return RolloutStage(head.percent, head.halts, head.halted_at) if head.is_staged else None


def _item(found: NodeRollout) -> RolloutItem:
    node = found.node
    return RolloutItem(
        node.node_id, node.node_name, found.state, node.applied.position, node.offered, found.since, found.error
    )
