"""The routes by which operators and nodes register an agent's key (SPEC §19.3)."""

from dataclasses import dataclass
from functools import partial
from typing import assert_never

from contracts.errors import ErrorCode, Refusal
from contracts.node.agent_key import (
    NODE_AGENTS_PATH,
    RegisteredAgentKey,
    decode_register_agent_key,
    encode_registered_agent_key,
)
from services.internal_admin.agent_keys import store
from services.internal_admin.agent_keys.domain import (
    AgentNotActive,
    AgentNotFound,
    AlreadyRegistered,
    Registered,
    RegisterKey,
    RegisterOutcome,
    TooManySessions,
)
from services.internal_admin.callers.access import Scoped, SignedByNode
from services.internal_admin.callers.identity import Caller, Identity, NodeCaller, Scope
from services.internal_admin.callers.paths import CONTROL_PLANE
from services.internal_admin.callers.request import caller_of
from services.internal_admin.callers.route import MINUTE, NodeRoute, PerNode, Route
from services.internal_admin.changes.api import answered, response
from services.internal_admin.changes.domain import Answer
from services.internal_admin.changes.flow import AnsweredChange, PublishedChange
from shared.kernel.client_key import ClientPublicKey, parse_client_public_key
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.ids import new_device_session_id
from shared.web.exchange import Request, Response

_KEY_FORM = "client_public_key must be the 32 bytes of an Ed25519 public key in standard base64: 44 characters, padded"


@dataclass(frozen=True, slots=True)
class AgentKeyApi:
    """Registers keys. An answer is given once gateways can read the session's record."""

    change: PublishedChange
    clock: Clock
    entropy: Entropy

    async def register(self, request: Request, identity: Identity | None) -> Response:
        """For an operator or a program, in any pool."""
        command = self._command(request, None, caller_of(request, identity))
        made = answered(self.change, request, identity, partial(_body, command.agent_id))
        return response(await made.make(store.register_key, command))

    async def register_by_node(self, request: Request, node: NodeCaller) -> Response:
        """For a node in whose pool the agent is active. A repeat with the same key gets the same session."""
        caller = Caller(node.name, request.client.network.text, node.request_id)
        command = self._command(request, node.pool, caller)
        answer = partial(_answer, command.agent_id)
        made: AnsweredChange[RegisterOutcome] = AnsweredChange(self.change, answer, None)
        return response(await made.make(store.register_key, command))

    def _command(self, request: Request, pool: str | None, caller: Caller) -> RegisterKey:
        asked = decode_register_agent_key(request.body)
        session_id = new_device_session_id(self.clock, self.entropy)
        return RegisterKey(request.path_parameters["agent_id"], pool, _key(asked.client_public_key), session_id, caller)


ROUTES: tuple[Route[AgentKeyApi], ...] = (
    Route(
        "POST",
        CONTROL_PLANE + "/agents/{agent_id}/keys",
        AgentKeyApi.register,
        access=Scoped(Scope.AGENTS_KEYS),
        accepts_body=True,
    ),
)
NODE_ROUTES: tuple[NodeRoute[AgentKeyApi], ...] = (
    NodeRoute(
        "POST",
        NODE_AGENTS_PATH + "/{agent_id}/keys",
        AgentKeyApi.register_by_node,
        access=SignedByNode(),
        limit=PerNode("node_agent_key", 60, MINUTE),
        accepts_body=True,
    ),
)


def _key(text: str) -> ClientPublicKey:
    try:
        return parse_client_public_key(text)
    except ValueError:
        raise Refusal(ErrorCode.INVALID_CLIENT_PUBLIC_KEY, _KEY_FORM) from None


def _answer(agent_id: str, outcome: RegisterOutcome) -> Answer:
    return Answer(200, _body(agent_id, outcome))


def _body(agent_id: str, outcome: RegisterOutcome) -> bytes:
    """The answer to a registration. Raises `Refusal` for a refused one."""
    match outcome:
        case Registered(device_session_id) | AlreadyRegistered(device_session_id):
            return encode_registered_agent_key(RegisteredAgentKey(outcome.name, agent_id, device_session_id))
        case AgentNotFound():
            raise Refusal(ErrorCode.AGENT_NOT_FOUND)
        case AgentNotActive():
            raise Refusal(ErrorCode.AGENT_NOT_ACTIVE)
        case TooManySessions(limit):
            message = f"the agent has {limit} active sessions, which is the limit: revoke one first"
            raise Refusal(ErrorCode.SESSION_LIMIT_EXCEEDED, message)
        case _:
            assert_never(outcome)
