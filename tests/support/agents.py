"""Agents as rows of Postgres, and the verbs on their keys as units of work of the internal role."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from services.internal_admin.agent_keys.domain import RegisterKey
from services.internal_admin.agent_keys.store import register_key
from services.internal_admin.agents.kind import AGENT
from services.internal_admin.callers.identity import Caller
from services.internal_admin.publication.domain.subject import ArchiveSubject, PauseSubject
from services.internal_admin.publication.store import activation, subjects
from shared.io.postgres import Postgres
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_agent_id, new_device_session_id
from tests.support.builders import client_public_key, unique
from tests.support.database import Database
from tests.support.publication import KEYS
from tests.support.world import World

CALLER = Caller("operator-1", "192.0.2.7", "request-1")


@dataclass(frozen=True, slots=True)
class StoredAgent:
    agent_id: str
    pool: str


def store_agent(database: Database, pools: Sequence[str] | None = None, *, is_active: bool = True) -> StoredAgent:
    """An agent with version 1, active by default, in a pool of its own or in these pools."""
    named = list(pools or [unique("pool-")])
    agent_id = new_agent_id(SystemClock(), SystemEntropy())
    for pool in named:
        database.execute("insert into node_pools values ($1, clock_now()) on conflict do nothing", pool)
    database.execute(
        "insert into subjects (subject_id, kind, name, pools, draft, revision, last_version, active_version,"
        " created_at, updated_at) values ($1, 'agent', $2, $3, '{}', 1, 1, $4, clock_now(), clock_now())",
        agent_id, unique("agent-"), named, 1 if is_active else None,
    )  # fmt: skip
    database.execute(
        "insert into subject_versions (subject_id, version, revision, pools, draft, document, digest, created_by,"
        " created_at) values ($1, 1, 1, $2, '{}', $3, $4, 'tests', clock_now())",
        agent_id, named, b"{}", hashlib.sha256(b"{}").digest(),
    )  # fmt: skip
    return StoredAgent(agent_id, named[0])


def store_agent_sessions(database: Database, agent_id: str, count: int, age: str = "0 seconds") -> None:
    """Active sessions of an agent, without outbox rows."""
    database.execute(
        "insert into device_sessions (device_session_id, user_id, client_public_key, created_at)"
        " select 'device-session-' || gen_random_uuid(), $1, sha256(gen_random_uuid()::text::bytea),"
        " clock_now() - $3::text::interval from generate_series(1, $2)",
        agent_id, count, age,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class AgentVerbs:
    """Each `…_of` is a trio function to race. The others run at once."""

    world: World
    postgres: Postgres
    caller: Caller = field(default=CALLER)

    def register_of(self, agent_id: str, key: ClientPublicKey | None = None, pool: str | None = None) -> Any:
        session_id = new_device_session_id(SystemClock(), SystemEntropy())
        command = RegisterKey(agent_id, pool, key or client_public_key(), session_id, self.caller)
        return partial(self.postgres.unit_of_work, register_key, command)

    def pause_of(self, agent_id: str) -> Any:
        command = PauseSubject(agent_id, None, self.caller)
        return partial(self.postgres.unit_of_work, activation.pause_subject, AGENT, KEYS, command)

    def register(self, agent_id: str, key: ClientPublicKey | None = None, pool: str | None = None) -> Any:
        return self.world.call(self.register_of(agent_id, key, pool))

    def pause(self, agent_id: str) -> Any:
        return self.world.call(self.pause_of(agent_id))

    def archive(self, agent_id: str) -> Any:
        command = ArchiveSubject(agent_id, self.caller)
        return self.world.call(self.postgres.unit_of_work, subjects.archive_subject, AGENT, command)


def active_sessions(database: Database, agent_id: str) -> int:
    sql = "select count(*) from device_sessions where user_id = $1 and status = 'active'"
    return database.execute(sql, agent_id)[0][0]
