"""Races on real Postgres around one agent: registrations, pauses, revocations, expiry; a barrier, then a count."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from services.internal_admin.agent_keys.domain import MAX_ACTIVE_SESSIONS
from services.internal_admin.changes.domain import NOTHING
from services.internal_admin.sessions import store as sessions_store
from services.internal_admin.sessions.domain import RevokeUserSessions
from services.internal_admin.sessions.expiry import revoke_aged_sessions
from shared.io.postgres import Postgres
from tests.support.agents import AgentVerbs, active_sessions, store_agent, store_agent_sessions
from tests.support.builders import client_public_key
from tests.support.public_flow import race
from tests.support.settings import DEFAULTS, set_settings
from tests.support.trusted import CAUSE
from tests.support.world import World


@pytest.fixture(scope="module")
def verbs(world: World, wide_pool: Postgres) -> AgentVerbs:
    return AgentVerbs(world, wide_pool)


@pytest.fixture(autouse=True)
def own_settings(world: World) -> Iterator[None]:
    yield
    world.database.execute(DEFAULTS)


def names(outcomes: list[Any]) -> Counter[str]:
    return Counter(outcome.name for outcome in outcomes)


def test_no_session_survives_a_pause_that_40_registrations_race(world: World, verbs: AgentVerbs) -> None:
    """Each registration before the pause is revoked by it, and each one after it is refused."""
    for _ in range(3):
        agent = store_agent(world.database)
        contenders = [verbs.register_of(agent.agent_id) for _ in range(40)]
        contenders.insert(20, verbs.pause_of(agent.agent_id))
        outcomes = world.call(race, *contenders)
        paused = outcomes.pop(20)
        found = names(outcomes)
        assert paused.name == "paused"
        assert found["registered"] + found["agent_not_active"] == 40
        assert len(paused.changes) == found["registered"]
        assert active_sessions(world.database, agent.agent_id) == 0


def test_40_registrations_of_one_key_open_one_session(world: World, verbs: AgentVerbs) -> None:
    agent, key = store_agent(world.database), client_public_key()
    outcomes = world.call(race, *[verbs.register_of(agent.agent_id, key) for _ in range(40)])
    assert names(outcomes) == {"registered": 1, "already_registered": 39}
    assert len({outcome.device_session_id for outcome in outcomes}) == 1


def test_of_40_registrations_as_many_succeed_as_the_limit_has_room_for(world: World, verbs: AgentVerbs) -> None:
    world.call(set_settings, world, session_limit=5)
    agent = store_agent(world.database)
    outcomes = world.call(race, *[verbs.register_of(agent.agent_id) for _ in range(40)])
    assert names(outcomes) == {"registered": 5, "session_limit_exceeded": 35}


def test_an_agent_never_has_more_sessions_than_a_pause_revokes(world: World, verbs: AgentVerbs) -> None:
    agent = store_agent(world.database)
    store_agent_sessions(world.database, agent.agent_id, MAX_ACTIVE_SESSIONS - 3)
    outcomes = world.call(race, *[verbs.register_of(agent.agent_id) for _ in range(20)])
    assert names(outcomes) == {"registered": 3, "session_limit_exceeded": 17}
    paused = verbs.pause(agent.agent_id)
    assert (paused.name, len(paused.changes)) == ("paused", MAX_ACTIVE_SESSIONS)
    assert active_sessions(world.database, agent.agent_id) == 0


def test_pauses_revocations_and_expiry_of_one_agent_never_deadlock(world: World, verbs: AgentVerbs) -> None:
    """All of them revoke many rows. No unit of work is repeated, and each session is revoked once."""
    agents, runs = [store_agent(world.database) for _ in range(4)], 0

    def counted(function: Any, *arguments: Any) -> Any:
        async def body(connection: asyncpg.Connection) -> Any:
            nonlocal runs
            runs += 1
            return await function(connection, *arguments)

        return lambda: verbs.postgres.unit_of_work(body)

    for agent in agents:
        store_agent_sessions(world.database, agent.agent_id, 60, age="366 days")
    everyone = [RevokeUserSessions(agent.agent_id, None, CAUSE) for agent in agents]
    contenders = [
        *(counted(revoke_aged_sessions, 100) for _ in range(8)),
        *(counted(sessions_store.revoke_user_sessions, NOTHING, each) for each in everyone * 2),
    ]
    pauses = [verbs.pause_of(agent.agent_id) for agent in agents]
    world.call(race, *contenders, *pauses)
    while world.call(verbs.postgres.unit_of_work, revoke_aged_sessions, 100):
        pass
    assert runs == len(contenders)
    revoked = [
        world.database.execute(
            "select count(*) from device_sessions where user_id = $1 and status = 'revoked'", agent.agent_id
        )[0][0]
        for agent in agents
    ]
    assert revoked == [60] * 4


def test_a_revocation_of_all_sessions_waits_for_a_registration(world: World, verbs: AgentVerbs) -> None:
    agent = store_agent(world.database)
    revoke_all = RevokeUserSessions(agent.agent_id, None, CAUSE)

    async def revoke() -> Any:
        return await verbs.postgres.unit_of_work(sessions_store.revoke_user_sessions, NOTHING, revoke_all)

    outcomes = world.call(race, *[verbs.register_of(agent.agent_id) for _ in range(10)], revoke)
    revoked = outcomes.pop()
    assert names(outcomes) == {"registered": 10}
    assert active_sessions(world.database, agent.agent_id) == 10 - len(revoked.changes)


def test_a_session_past_its_age_is_revoked_by_expiry(world: World) -> None:
    agent = store_agent(world.database)
    store_agent_sessions(world.database, agent.agent_id, 2, age="366 days")
    while world.call(world.internal.unit_of_work, revoke_aged_sessions, 100):
        pass
    rows = world.database.execute(
        "select status, revoke_reason_code from device_sessions where user_id = $1", agent.agent_id
    )
    assert [tuple(row) for row in rows] == [("revoked", "session_expired")] * 2
