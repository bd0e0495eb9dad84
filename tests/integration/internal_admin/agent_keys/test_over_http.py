"""Keys of agents over HTTP: registered by operators and by nodes, then listed and revoked (SPEC §19.3)."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis as redis_py

from contracts.gateway import GatewayRecord, decode_record
from contracts.node.agent_key import agent_keys_path
from services.internal_admin.callers.identity import Scope
from services.internal_admin.retention.store import remove_aged
from tests.support.agents import AgentVerbs, active_sessions, store_agent
from tests.support.api_tokens import make_token
from tests.support.builders import client_public_key, unique
from tests.support.control_plane import ControlPlane, open_control_plane
from tests.support.internal_api import gateway_keys
from tests.support.nodes import Node, make_node
from tests.support.redis_bytes import stored
from tests.support.settings import DEFAULTS, set_settings
from tests.support.world import World

GATEWAY_KEYS = gateway_keys()
CAUSE: dict[str, Any] = {"reason_code": "admin_revoke", "actor": {"type": "admin", "id": "admin-1"}}
SCOPES = (
    Scope.AGENTS_KEYS,
    Scope.AGENTS_PUBLISH,
    Scope.SESSIONS_READ,
    Scope.SESSIONS_REVOKE,
    Scope.USERS_DELETE,
    Scope.BLOCKS_WRITE,
)


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world, requires_token=True, gateway_keys=GATEWAY_KEYS) as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def token(world: World) -> str:
    return make_token(world, SCOPES).secret


@pytest.fixture
def verbs(world: World) -> AgentVerbs:
    return AgentVerbs(world, world.internal)


@pytest.fixture(autouse=True)
def own_settings(world: World) -> Iterator[None]:
    yield
    world.database.execute(DEFAULTS)


def register(plane: ControlPlane, token: str, agent_id: str, key: str | None = None, **headers: str) -> httpx.Response:
    body = {"client_public_key": key or client_public_key().base64}
    return plane.post(f"/api/control-plane/agents/{agent_id}/keys", body, token=token, headers=headers)


def registered(plane: ControlPlane, token: str, agent_id: str, key: str | None = None) -> str:
    answer = register(plane, token, agent_id, key)
    assert answer.status_code == 200, answer.text
    return answer.json()["device_session_id"]


def register_by(plane: ControlPlane, node: Node, agent_id: str, key: str | None = None) -> httpx.Response:
    path, body = agent_keys_path(agent_id), json.dumps({"client_public_key": key or client_public_key().base64})
    return plane.send("POST", path, body.encode(), node.headers("POST", path, body.encode()))


def record_of(world: World, session_id: str) -> GatewayRecord | None:
    with redis_py.Redis(port=world.redis_server.port) as client:
        found = stored(client, GATEWAY_KEYS.record(session_id))
    return None if found is None else decode_record(found)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def events_of(world: World, agent_id: str) -> list[tuple[Any, ...]]:
    rows = world.database.execute(
        "select event, outcome, caller, details from audit_events where subject = $1 order by audit_id", agent_id
    )
    return [(row["event"], row["outcome"], row["caller"], json.loads(row["details"] or "{}")) for row in rows]


def test_a_registered_key_is_a_session_that_gateways_know_when_it_is_answered(
    world: World, plane: ControlPlane, token: str
) -> None:
    """The record is a person's, with the agent's id as user."""
    agent, key = store_agent(world.database), client_public_key().base64
    answer = register(plane, token, agent.agent_id, key)
    session_id = answer.json()["device_session_id"]
    assert answer.json() == {
        "outcome": "registered", "agent_id": agent.agent_id, "device_session_id": session_id
    }  # fmt: skip
    assert record_of(world, session_id) == GatewayRecord(session_id, agent.agent_id, key, "active", None)
    [(event, outcome, _, details)] = events_of(world, agent.agent_id)
    assert (event, outcome, details) == ("security.register_agent_key", "registered", {"device_session_id": session_id})


def test_the_same_key_keeps_its_session_and_its_record_is_written_again(
    world: World, plane: ControlPlane, token: str
) -> None:
    """A lost answer leaves no second session."""
    agent, key = store_agent(world.database), client_public_key().base64
    session_id = registered(plane, token, agent.agent_id, key)
    with redis_py.Redis(port=world.redis_server.port) as client:
        client.delete(GATEWAY_KEYS.record(session_id))
    again = register(plane, token, agent.agent_id, key).json()
    assert again == {
        "outcome": "already_registered", "agent_id": agent.agent_id, "device_session_id": session_id
    }  # fmt: skip
    assert record_of(world, session_id) is not None
    assert registered(plane, token, agent.agent_id) != session_id
    assert active_sessions(world.database, agent.agent_id) == 2


def test_a_request_under_an_idempotency_key_happens_once(world: World, plane: ControlPlane, token: str) -> None:
    agent, key, name = store_agent(world.database), client_public_key().base64, unique("key-")
    answers = [register(plane, token, agent.agent_id, key, **{"idempotency-key": name}) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert answers[1].json()["outcome"] == "registered"
    other = register(plane, token, agent.agent_id, **{"idempotency-key": name})
    assert code_of(other) == (409, "idempotency_conflict")
    assert active_sessions(world.database, agent.agent_id) == 1


def test_only_an_active_agent_registers_a_key(world: World, plane: ControlPlane, token: str, verbs: AgentVerbs) -> None:
    drafted, paused = store_agent(world.database, is_active=False), store_agent(world.database)
    assert code_of(register(plane, token, drafted.agent_id)) == (409, "agent_not_active")
    assert verbs.pause(paused.agent_id).name == "paused"
    assert code_of(register(plane, token, paused.agent_id)) == (409, "agent_not_active")
    assert verbs.archive(paused.agent_id).name == "archived"
    assert code_of(register(plane, token, paused.agent_id)) == (409, "agent_not_active")
    assert code_of(register(plane, token, "agent-" + "0" * 26)) == (404, "agent_not_found")
    assert code_of(register(plane, token, "somebody@example.com")) == (404, "agent_not_found")
    assert [outcome for _, outcome, _, _ in events_of(world, drafted.agent_id)] == ["agent_not_active"]


@pytest.mark.parametrize("key", ["", "AAAA", "A" * 43 + "=", "!" * 44, client_public_key("x").base64 + " x"])
def test_an_unusable_key_is_refused_and_nothing_changes(
    world: World, plane: ControlPlane, token: str, key: str
) -> None:
    """32 zero bytes are a point of small order."""
    agent = store_agent(world.database)
    answer = plane.post(f"/api/control-plane/agents/{agent.agent_id}/keys", {"client_public_key": key}, token=token)
    assert code_of(answer) in {(400, "invalid_client_public_key"), (400, "invalid_request")}
    assert active_sessions(world.database, agent.agent_id) == 0


def test_a_caller_without_the_scope_registers_no_key(world: World, plane: ControlPlane) -> None:
    agent = store_agent(world.database)
    other = make_token(world, [Scope.AGENTS_READ, Scope.AGENTS_WRITE, Scope.AGENTS_PUBLISH]).secret
    assert code_of(register(plane, other, agent.agent_id)) == (403, "forbidden")
    assert active_sessions(world.database, agent.agent_id) == 0


def test_the_session_limit_of_persons_holds_for_agents(world: World, plane: ControlPlane, token: str) -> None:
    world.call(set_settings, world, session_limit=2)
    agent = store_agent(world.database)
    oldest, second = (registered(plane, token, agent.agent_id) for _ in range(2))
    assert code_of(register(plane, token, agent.agent_id)) == (409, "session_limit_exceeded")
    world.call(set_settings, world, session_limit_policy="revoke_oldest")
    newest = registered(plane, token, agent.agent_id)
    records = {session_id: record_of(world, session_id) for session_id in (oldest, second, newest)}
    assert [record and record.status for record in records.values()] == ["revoked", "active", "active"]
    [row] = world.database.execute(
        "select outcome, actor_type, reason_code from audit_events where subject = $1", oldest
    )
    assert tuple(row) == ("revoked", "system", "session_limit")


def test_a_pause_revokes_every_session_before_it_is_answered_and_an_activation_revives_none(
    world: World, plane: ControlPlane, token: str, verbs: AgentVerbs
) -> None:
    agent, key = store_agent(world.database), client_public_key().base64
    session_ids = [registered(plane, token, agent.agent_id, key), registered(plane, token, agent.agent_id)]
    paused = verbs.pause(agent.agent_id)
    assert {change.session.device_session_id for change in paused.changes} == set(session_ids)
    [last] = [row for row in events_of(world, agent.agent_id) if row[0] == "security.revoke_user_sessions"]
    assert (last[1], last[3]["affected_session_count"]) == ("revoked", 2)
    again = verbs.pause(agent.agent_id)
    assert {change.session.device_session_id for change in again.changes} == set(session_ids), "not published yet"
    world.database.execute("update subjects set active_version = 1 where subject_id = $1", agent.agent_id)
    assert active_sessions(world.database, agent.agent_id) == 0
    assert registered(plane, token, agent.agent_id, key) not in session_ids
    rows = world.database.execute(
        "select revoke_reason_code, revoke_actor_type, revoke_actor_id from device_sessions"
        " where user_id = $1 and status = 'revoked'",
        agent.agent_id,
    )
    assert {tuple(row) for row in rows} == {("agent_paused", "operator", "operator-1")}


def test_the_answer_to_a_pause_means_that_gateways_refuse(world: World, plane: ControlPlane, token: str) -> None:
    """A repeat means it too, and revokes nothing more."""
    agent = store_agent(world.database)
    session_ids = [registered(plane, token, agent.agent_id) for _ in range(3)]
    for outcome in ("paused", "already_paused"):
        answer = plane.post(f"/api/control-plane/agents/{agent.agent_id}/pause", {}, token=token)
        assert answer.json()["outcome"] == outcome
        records = [record_of(world, session_id) for session_id in session_ids]
        assert [record and record.status for record in records] == ["revoked"] * 3
    rows = [row for row in events_of(world, agent.agent_id) if row[0] == "security.revoke_user_sessions"]
    assert len(rows) == 1


def test_sessions_of_an_agent_are_listed_and_revoked_by_its_id(world: World, plane: ControlPlane, token: str) -> None:
    agent = store_agent(world.database)
    session_ids = [registered(plane, token, agent.agent_id) for _ in range(3)]
    path = f"/api/v1/internal/users/{agent.agent_id}/sessions"
    listed = plane.get(path, token=token).json()["sessions"]
    assert [each["device_session_id"] for each in listed] == session_ids[::-1]
    assert {each["user_id"] for each in listed} == {agent.agent_id}

    one = plane.post(f"/api/v1/internal/sessions/{session_ids[0]}/revoke", CAUSE, token=token)
    assert one.json()["outcome"] == "revoked"
    kept = CAUSE | {"except_device_session_id": session_ids[2]}
    others = plane.post(path + "/revoke-all", kept, token=token).json()
    assert others["affected_device_session_ids"] == [session_ids[1]]
    statuses = [record and record.status for record in (record_of(world, each) for each in session_ids)]
    assert statuses == ["revoked", "revoked", "active"]
    assert plane.post(path + "/revoke-all", CAUSE, token=token).json()["affected_session_count"] == 1
    assert plane.post(path + "/revoke-all", CAUSE, token=token).json()["affected_session_count"] == 0
    unknown = "/api/v1/internal/users/agent-" + "0" * 26 + "/sessions/revoke-all"
    assert code_of(plane.post(unknown, CAUSE, token=token)) == (404, "subject_not_found")


def test_an_agent_is_no_person_who_is_erased_or_blocked(world: World, plane: ControlPlane, token: str) -> None:
    """It is paused instead."""
    agent = store_agent(world.database)
    session_id = registered(plane, token, agent.agent_id)
    erased = plane.call("DELETE", f"/api/v1/internal/users/{agent.agent_id}", CAUSE, token=token)
    assert code_of(erased) == (404, "subject_not_found")
    blocked = plane.post("/api/v1/internal/user-blocks", CAUSE | {"user_id": agent.agent_id}, token=token)
    assert code_of(blocked) == (404, "subject_not_found")
    record = record_of(world, session_id)
    assert record is not None
    assert record.status == "active"


def test_a_node_registers_keys_of_the_agents_of_its_pool(world: World, plane: ControlPlane) -> None:
    agent = store_agent(world.database)
    inside, outside = make_node(world.database, pool=agent.pool), make_node(world.database, pool=unique("pool-"))
    key = client_public_key().base64
    first, second = (register_by(plane, inside, agent.agent_id, key) for _ in range(2))
    assert (first.status_code, second.json()) == (200, first.json() | {"outcome": "already_registered"})
    record = record_of(world, first.json()["device_session_id"])
    assert record is not None
    assert record.user_id == agent.agent_id
    assert code_of(register_by(plane, outside, agent.agent_id)) == (409, "agent_not_active")
    assert code_of(register_by(plane, inside, "agent-" + "0" * 26)) == (404, "agent_not_found")
    assert code_of(register_by(plane, inside, agent.agent_id, "AAAA")) == (400, "invalid_client_public_key")
    assert {caller for _, _, caller, _ in events_of(world, agent.agent_id)} == {inside.node_id, outside.node_id}


def test_a_revoked_node_registers_no_key(world: World, plane: ControlPlane) -> None:
    agent = store_agent(world.database)
    node = make_node(world.database, "revoked", pool=agent.pool)
    assert code_of(register_by(plane, node, agent.agent_id)) == (401, "node_revoked")
    assert active_sessions(world.database, agent.agent_id) == 0


def test_revoked_sessions_of_agents_go_by_age(world: World) -> None:
    agent = store_agent(world.database)
    world.database.execute(
        "insert into device_sessions (device_session_id, user_id, client_public_key, status, created_at, revoked_at,"
        " revoke_reason_code, revoke_actor_type) select $1, $2, $3, 'revoked', at, at, 'agent_paused', 'system'"
        " from (select clock_now() - interval '91 days' as at)",
        unique("device-session-"), agent.agent_id, client_public_key().raw,
    )  # fmt: skip
    world.call(world.internal.unit_of_work, remove_aged, 100)
    assert world.database.execute("select from device_sessions where user_id = $1", agent.agent_id) == []
