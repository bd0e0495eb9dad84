"""The routes of operators about nodes, pools and join tokens (SPEC §16.1)."""

from dataclasses import dataclass

from contracts.control_plane.nodes import (
    decode_create_join_token,
    decode_list_nodes,
    decode_page,
    decode_register_node,
    decode_revoke_node,
    encode_approve_node,
    encode_create_pool,
    encode_created_join_token,
    encode_join_tokens,
    encode_node_page,
    encode_nodes,
    encode_pools,
    encode_registered_node,
    encode_revoke_join_token,
    encode_revoke_node,
    require_pool_name,
)
from contracts.errors import ErrorCode, Refusal
from contracts.node.join import join_string
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import CONTROL_PLANE
from services.internal_admin.callers.request import caller_of, cause_of
from services.internal_admin.callers.route import Route
from services.internal_admin.callers.secret import new_secret
from services.internal_admin.node_access.store import revoke_node
from services.internal_admin.nodes.domain import ChangeOf, CreateJoinToken, Refused, RegisterNode
from services.internal_admin.nodes.store import joining, listing, tokens
from services.internal_admin.publication.domain.wake import Wake
from shared.io.postgres import Postgres
from shared.kernel.clock import Clock
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.entropy import Entropy
from shared.kernel.faults import InvariantBroken
from shared.kernel.ids import new_join_token_id, new_node_id
from shared.kernel.node_keys import are_usable
from shared.web.exchange import Request, Response

_POOLS = CONTROL_PLANE + "/node-pools"
_TOKENS = CONTROL_PLANE + "/node-join-tokens"
_NODES = CONTROL_PLANE + "/nodes"
_READ, _WRITE = Scoped(Scope.NODES_READ), Scoped(Scope.NODES_WRITE)


@dataclass(frozen=True, slots=True)
class NodesApi:
    """Pools, join tokens and nodes, as operators see and change them."""

    postgres: Postgres
    config_keys: ConfigKeys
    clock: Clock
    entropy: Entropy
    wake: Wake

    async def list_pools(self, _: Request, __: Identity | None) -> Response:
        """All pools by name."""
        return Response(200, encode_pools(await self.postgres.unit_of_work(tokens.list_pools)))

    async def create_pool(self, request: Request, identity: Identity | None) -> Response:
        """The pool of this name, made if there is none."""
        pool = require_pool_name(request.path_parameters["pool"])
        made = await self.postgres.unit_of_work(tokens.create_pool, pool, caller_of(request, identity))
        if isinstance(made, Refused):
            raise refusal_of(made)
        return Response(200, encode_create_pool(*made))

    async def create_join_token(self, request: Request, identity: Identity | None) -> Response:
        """A new join token. Its join string is shown this once, so a repeat makes another token."""
        asked = decode_create_join_token(request.body)
        newest = newest_key(self.config_keys)
        join_token_id, secret = new_join_token_id(self.clock, self.entropy), new_secret(self.entropy)
        command = CreateJoinToken(
            join_token_id,
            secret.hash,
            asked.pool,
            asked.node_name,
            asked.uses,
            asked.life,
            caller_of(request, identity),
        )
        made = await self.postgres.unit_of_work(tokens.create_join_token, command)
        if isinstance(made, Refused):
            raise refusal_of(made)
        return Response(200, encode_created_join_token(made.token, join_string(join_token_id, secret.text, newest)))

    async def list_join_tokens(self, request: Request, _: Identity | None) -> Response:
        """Join tokens without their secrets, newest first, ended ones too."""
        page = await self.postgres.unit_of_work(tokens.list_join_tokens, decode_page(request.query))
        next_after = page.items[-1].join_token_id if page.has_more else None
        return Response(200, encode_join_tokens(page.items, next_after))

    async def revoke_join_token(self, request: Request, identity: Identity | None) -> Response:
        """End a join token. Nodes that joined with it stay."""
        command = ChangeOf(request.path_parameters["join_token_id"], caller_of(request, identity))
        outcome = await self.postgres.unit_of_work(tokens.revoke_join_token, command)
        if outcome is None:
            raise Refusal(ErrorCode.JOIN_TOKEN_NOT_FOUND)
        return Response(200, encode_revoke_join_token(outcome, command.subject_id))

    async def list_nodes(self, request: Request, _: Identity | None) -> Response:
        """Nodes, newest first, revoked ones too."""
        page = await self.postgres.unit_of_work(listing.list_nodes, decode_list_nodes(request.query))
        if page is None:
            raise Refusal(ErrorCode.POOL_NOT_FOUND)
        next_after = page.items[-1].node_id if page.has_more else None
        return Response(200, encode_nodes(page.items, next_after))

    async def register_node(self, request: Request, identity: Identity | None) -> Response:
        """An active node of the keys that the operator brings. An exact repeat answers the same node."""
        asked = decode_register_node(request.body)
        newest_key(self.config_keys)
        if not are_usable(asked.keys):
            raise Refusal(ErrorCode.INVALID_NODE_KEY)
        node_id, caller = new_node_id(self.clock, self.entropy), caller_of(request, identity)
        command = RegisterNode(node_id, asked.pool, asked.node_name, asked.keys, caller)
        outcome = await self.postgres.unit_of_work(joining.register_node, command)
        if isinstance(outcome, Refused):
            raise refusal_of(outcome)
        node = await self.postgres.unit_of_work(listing.read_node, outcome.node.node_id)
        if node is None:
            raise InvariantBroken("a node stays for ever")
        return Response(200, encode_registered_node(node, self.config_keys.public_keys()))

    async def read_node(self, request: Request, _: Identity | None) -> Response:
        """All that is known of one node."""
        page = await self.postgres.unit_of_work(listing.read_node_page, request.path_parameters["node_id"])
        if page is None:
            raise Refusal(ErrorCode.NODE_NOT_FOUND)
        return Response(200, encode_node_page(page))

    async def approve_node(self, request: Request, identity: Identity | None) -> Response:
        """Let a pending node in."""
        command = ChangeOf(request.path_parameters["node_id"], caller_of(request, identity))
        outcome = await self.postgres.unit_of_work(joining.approve_node, command)
        if isinstance(outcome, Refused):
            raise refusal_of(outcome)
        return Response(200, encode_approve_node(outcome, command.subject_id))

    async def revoke_node(self, request: Request, identity: Identity | None) -> Response:
        """Shut a node out for good: its next request is refused, on every replica, and its held poll ends."""
        node_id, cause = (
            request.path_parameters["node_id"],
            cause_of(request, identity, decode_revoke_node(request.body)),
        )
        outcome = await self.postgres.unit_of_work(revoke_node, node_id, cause)
        if outcome is None:
            raise Refusal(ErrorCode.NODE_NOT_FOUND)
        self.wake.notify()
        return Response(200, encode_revoke_node(outcome, node_id))


ROUTES: tuple[Route[NodesApi], ...] = (
    Route("GET", _POOLS, NodesApi.list_pools, access=_READ),
    Route("PUT", _POOLS + "/{pool}", NodesApi.create_pool, access=_WRITE),
    Route("GET", _TOKENS, NodesApi.list_join_tokens, access=_READ),
    Route("POST", _TOKENS, NodesApi.create_join_token, access=_WRITE, accepts_body=True),
    Route("DELETE", _TOKENS + "/{join_token_id}", NodesApi.revoke_join_token, access=_WRITE),
    Route("GET", _NODES, NodesApi.list_nodes, access=_READ),
    Route("POST", _NODES, NodesApi.register_node, access=_WRITE, accepts_body=True),
    Route("GET", _NODES + "/{node_id}", NodesApi.read_node, access=_READ),
    Route("POST", _NODES + "/{node_id}/approve", NodesApi.approve_node, access=_WRITE),
    Route("POST", _NODES + "/{node_id}/revoke", NodesApi.revoke_node, access=_WRITE, accepts_body=True),
)


def newest_key(config_keys: ConfigKeys) -> bytes:
    """The newest public key. Raises `Refusal(SIGNING_KEYS_MISSING)`: without a key a node trusts no configuration."""
    keys = config_keys.public_keys()
    if not keys:
        raise Refusal(ErrorCode.SIGNING_KEYS_MISSING)
    return keys[0].public_key


def refusal_of(refused: Refused) -> Refusal:
    """The exception for a refusal."""
    return Refusal(refused.code, refused.message)
