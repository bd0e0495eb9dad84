"""Registers an agent's own key, so that the agent can sign requests to gateways."""

from base64 import b64encode

from clients.node.link import Ask, Link, Unavailable
from contracts.agent_id import is_agent_id
from contracts.errors import Refusal
from contracts.node.agent_key import agent_keys_path, decode_registered_agent_key, encode_register_agent_key


async def register_agent_key(link: Link, agent_id: str, public_key: bytes, timeout: float) -> str:
    """The id of the agent's device session. Raises `Unavailable`, `Denial`, and `ValueError` for no id of an agent."""
    if not is_agent_id(agent_id):
        raise ValueError("agent_id is no id of an agent")
    body = encode_register_agent_key(b64encode(public_key).decode())
    reply = await link.ask(Ask("POST", agent_keys_path(agent_id), body, timeout=timeout))
    try:
        registered = decode_registered_agent_key(reply.body)
    except Refusal:
        raise Unavailable("malformed_answer") from None
    if registered.agent_id != agent_id:
        raise Unavailable("malformed_answer")
    return registered.device_session_id
