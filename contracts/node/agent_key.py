"""An agent's own key, registered by a node: `POST /api/v1/node/agents/{agent_id}/keys` (SPEC §19.3).

Operators register a key with the same body and get the same answer.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, cast, get_args

from contracts.encoding import encode
from contracts.node.names import NODE_API
from contracts.strict_json import decode_object, invalid, known_fields, read_filled_text

Outcome: TypeAlias = Literal["registered", "already_registered"]

NODE_AGENTS_PATH: Final = NODE_API + "/agents"

_ANSWER_NAMES = frozenset({"outcome", "agent_id", "device_session_id"})


@dataclass(frozen=True, slots=True)
class RegisterAgentKeyRequest:
    """`client_public_key` is 32 bytes in base64, as a person's."""

    client_public_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegisteredAgentKey:
    """The device session that the key opened. `already_registered`: an earlier request did."""

    outcome: Outcome
    agent_id: str
    device_session_id: str


def agent_keys_path(agent_id: str) -> str:
    """The path of an agent's keys in the node API."""
    return f"{NODE_AGENTS_PATH}/{agent_id}/keys"


def decode_register_agent_key(body: bytes) -> RegisterAgentKeyRequest:
    """The request. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), frozenset({"client_public_key"}))
    return RegisterAgentKeyRequest(read_filled_text(fields, "client_public_key"))


def encode_register_agent_key(client_public_key: str) -> bytes:
    """The request of a node."""
    return encode({"client_public_key": client_public_key})


def encode_registered_agent_key(registered: RegisteredAgentKey) -> bytes:
    """The answer."""
    return encode(
        {
            "outcome": registered.outcome,
            "agent_id": registered.agent_id,
            "device_session_id": registered.device_session_id,
        }
    )


def decode_registered_agent_key(body: bytes) -> RegisteredAgentKey:
    """The answer. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _ANSWER_NAMES)
    outcome = read_filled_text(fields, "outcome")
    if outcome not in get_args(Outcome):
        raise invalid("outcome must be registered or already_registered")
    return RegisteredAgentKey(
        cast("Outcome", outcome), read_filled_text(fields, "agent_id"), read_filled_text(fields, "device_session_id")
    )
