"""Agents that are paused: `python -m bench.agents`.

Printed is the time from an operator's pause to the first refusal at a following gateway, which is another process.
The agent has one session, a hundred, or as many as it may have. Beside each pause the session of another agent is
revoked by itself, so that the two can be compared on a busy machine. The time of a registration is printed too.
"""

import argparse
import asyncio
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import httpx

from bench.edge_time import Gateway, Times, open_gateway
from services.internal_admin.agent_keys.domain import MAX_ACTIVE_SESSIONS
from shared.kernel.entropy import SystemEntropy
from tests.support.agents import store_agent, store_agent_sessions
from tests.support.database import Database, cloned_database, create_template
from tests.support.servers import temporary_postgres
from tests.support.stack import RunningStack, open_stack

ROUNDS = {1: 300, 100: 50, MAX_ACTIVE_SESSIONS: 20}
"""How many agents are paused, by the number of their sessions."""
_AGENTS, _SESSIONS = "/api/control-plane/agents", "/api/v1/internal/sessions"
_CAUSE = {"reason_code": "bench", "actor": {"type": "system"}}

Call = Callable[[str, dict[str, Any]], Any]


def caller(client: httpx.Client) -> Call:
    """Calls of operators, each from a network of its own."""
    networks = count(1)

    def call(path: str, body: dict[str, Any]) -> Any:
        number = next(networks)
        origin = {"x-forwarded-for": f"10.3.{number >> 8 & 255}.{number & 255}"}
        answer = client.post(path, json=body, headers=origin)
        answer.raise_for_status()
        return answer.json()

    return call


async def pauses(stack: RunningStack, agent_ids: Sequence[str]) -> tuple[Times, Times]:
    """Pauses agents one by one, and revokes a session of another agent after each."""
    paused, revoked = Times(), Times()
    with httpx.Client(base_url=stack.internal_url, timeout=30) as client:
        call = caller(client)
        async with open_gateway(stack) as gateway:
            for agent_id, other in zip(agent_ids[::2], agent_ids[1::2], strict=True):
                await _refused(gateway, call, paused, _session(call, agent_id), f"{_AGENTS}/{agent_id}/pause", {})
                session_id = _session(call, other)
                await _refused(gateway, call, revoked, session_id, f"{_SESSIONS}/{session_id}/revoke", _CAUSE)
    return paused, revoked


def _session(call: Call, agent_id: str) -> str:
    """A new session of the agent."""
    key = b64encode(SystemEntropy().token_bytes(31) + b"\0").decode()
    return call(f"{_AGENTS}/{agent_id}/keys", {"client_public_key": key})["device_session_id"]


async def _refused(
    gateway: Gateway, call: Call, times: Times, session_id: str, path: str, body: dict[str, Any]
) -> None:
    """Makes a call that ends the session, and notes when the gateway refused it."""
    await gateway.serve(session_id)
    started = time.monotonic_ns()
    await asyncio.to_thread(call, path, body)
    answered = time.monotonic_ns()
    refused, revoked = await gateway.refusal()
    for kept, at in ((times.refused, refused), (times.revoked, revoked), (times.answered, answered)):
        kept.append((at - started) / 1e6)


def agents(database: Database, sessions: int, number: int) -> Sequence[str]:
    """Agents with all of their sessions but one."""
    agent_ids = [store_agent(database).agent_id for _ in range(number)]
    for agent_id in agent_ids:
        store_agent_sessions(database, agent_id, sessions - 1)
    return agent_ids


def registrations(stack: RunningStack, database: Database, rounds: int) -> None:
    """The time of a registration, alone and at an agent that has almost as many sessions as it may have."""
    with httpx.Client(base_url=stack.internal_url, timeout=30) as client:
        call = caller(client)
        for present in (0, MAX_ACTIVE_SESSIONS - rounds):
            agent_id, taken = store_agent(database).agent_id, list[float]()
            store_agent_sessions(database, agent_id, present)
            for _ in range(rounds):
                began = time.perf_counter()
                _session(call, agent_id)
                taken.append((time.perf_counter() - began) * 1000)
            taken.sort()
            print(f"registration beside {present} sessions: p50 {taken[rounds // 2]:.1f} ms, most {taken[-1]:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.agents", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of the rounds")
    short: bool = parser.parse_args().short
    settings = {"CONTROL_PLANE_AUTH_MODE": "open", "AUTHSESSION_TRUSTED_PROXIES": "127.0.0.1/32"}
    with temporary_postgres(durable=True) as server:
        create_template(server)
        with cloned_database(server) as database, open_stack(database, **settings) as stack:
            registrations(stack, database, 10 if short else 100)
            for sessions, rounds in ROUNDS.items():
                agent_ids = agents(database, sessions, 2 * (max(2, rounds // 10) if short else rounds))
                paused, revoked = asyncio.run(pauses(stack, agent_ids))
                paused.show(f"from the pause of an agent with {sessions} sessions")
                revoked.show("from the revocation of one session of such an agent")


if __name__ == "__main__":
    main()
