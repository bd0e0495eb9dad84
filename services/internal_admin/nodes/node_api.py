"""The routes with which nodes join and change their keys (SPEC §16.1)."""

from dataclasses import dataclass

from contracts.errors import ErrorCode, Refusal
from contracts.node.join import (
    decode_join,
    decode_key_change,
    encode_join_answer,
    join_proof_message,
    key_change_message,
)
from contracts.node.names import JOIN_PATH, KEY_PATH
from services.internal_admin.callers.access import Anyone, SignedByNode
from services.internal_admin.callers.identity import Identity, NodeCaller
from services.internal_admin.callers.request import caller_of
from services.internal_admin.callers.route import HOUR, MINUTE, NodeRoute, PerNetwork, PerNode, Route
from services.internal_admin.callers.secret import hash_secret
from services.internal_admin.nodes.domain import ChangeKey, Joined, JoinNode, Refused
from services.internal_admin.nodes.store import joining
from shared.io.postgres import Postgres
from shared.kernel.clock import Clock
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.entropy import Entropy
from shared.kernel.ids import new_node_id
from shared.kernel.node_keys import are_proven
from shared.web.exchange import Request, Response

JOINS = PerNetwork("node_join", 10, MINUTE)
"""Bounds guesses, and the audit rows of them."""
KEY_CHANGES = PerNode("node_key", 6, HOUR)


@dataclass(frozen=True, slots=True)
class JoinApi:
    """Joining needs a join token and a proof of the key; a key change needs the old key and a proof of the new one."""

    postgres: Postgres
    config_keys: ConfigKeys
    clock: Clock
    entropy: Entropy

    async def join(self, request: Request, _: Identity | None) -> Response:
        """The node of these keys. An exact repeat answers the same node and costs no use of the token.

        The proof is checked first, and a refused one needs no Postgres. It tells nothing of the token.
        """
        asked = decode_join(request.body)
        self._require_keys()
        token = asked.join_token
        if token is not None and not are_proven(
            asked.keys, join_proof_message(token.join_token_id, asked.keys), asked.proof
        ):
            raise Refusal(ErrorCode.INVALID_NODE_KEY)
        command = JoinNode(
            new_node_id(self.clock, self.entropy),
            None if token is None else token.join_token_id,
            None if token is None else hash_secret(token.secret),
            asked.node_name,
            asked.keys,
            asked.software,
            caller_of(request, None),
        )
        return self._answer(await self.postgres.unit_of_work(joining.join_node, command))

    async def change_key(self, request: Request, caller: NodeCaller) -> Response:
        """New keys of the node. An exact repeat changes nothing."""
        asked = decode_key_change(request.body)
        self._require_keys()
        if not are_proven(asked.keys, key_change_message(caller.node_id, asked.keys), asked.proof):
            raise Refusal(ErrorCode.INVALID_NODE_KEY)
        command = ChangeKey(caller, asked.keys, caller_of(request, caller))
        return self._answer(await self.postgres.unit_of_work(joining.change_key, command))

    def _require_keys(self) -> None:
        """A node without a configuration key could trust no configuration."""
        if not self.config_keys.public_keys():
            raise Refusal(ErrorCode.SIGNING_KEYS_MISSING)

    def _answer(self, outcome: Joined | Refused) -> Response:
        if isinstance(outcome, Refused):
            raise Refusal(outcome.code, outcome.message)
        return Response(200, encode_join_answer(outcome.node, self.config_keys.public_keys(), outcome.server_time_ms))


NODE_ROUTES: tuple[NodeRoute[JoinApi] | Route[JoinApi], ...] = (
    Route("POST", JOIN_PATH, JoinApi.join, access=Anyone(), limit=JOINS, slow_refusals=True, accepts_body=True),
    NodeRoute("POST", KEY_PATH, JoinApi.change_key, access=SignedByNode(), limit=KEY_CHANGES, accepts_body=True),
)
