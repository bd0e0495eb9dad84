"""Races on real Postgres: N units of work behind a barrier, then a count.

Every change is one transaction on the e-mail's row, so exactly one contender finds the state it changes.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import asyncpg
import pytest

from services.internal_admin.blocks import store as blocks_store
from services.internal_admin.blocks.domain import BlockSubject, UnblockSubject
from services.internal_admin.changes.domain import NOTHING
from services.internal_admin.sessions import store as sessions_store
from services.internal_admin.sessions.domain import RevokeSession, RevokeUserSessions
from shared.io.postgres import P, Postgres, Unit
from shared.kernel.block import Subject
from tests.support.builders import StoredUser, store_session, store_user
from tests.support.public_flow import race
from tests.support.trusted import CAUSE
from tests.support.world import World

CONTENDERS = 32
Contender = Callable[[], Awaitable[Any]]


class Trusted:
    """Each verb as a contender. `runs` counts the bodies of units of work: more than contenders if one was repeated."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self.runs = 0

    def revoke(self, device_session_id: str) -> Contender:
        return self._unit(sessions_store.revoke_session, RevokeSession(device_session_id, CAUSE))

    def revoke_all(self, user: StoredUser, kept: str | None = None) -> Contender:
        return self._unit(sessions_store.revoke_user_sessions, NOTHING, RevokeUserSessions(user.user_id, kept, CAUSE))

    def block(self, subject: Subject) -> Contender:
        return self._unit(blocks_store.block_subject, NOTHING, BlockSubject(subject, None, CAUSE))

    def unblock(self, subject: Subject) -> Contender:
        return self._unit(blocks_store.unblock_subject, UnblockSubject(subject, CAUSE))

    def _unit(self, function: Unit[P, Any], *args: P.args, **kwargs: P.kwargs) -> Contender:
        async def counted(connection: asyncpg.Connection) -> Any:
            self.runs += 1
            return await function(connection, *args, **kwargs)

        return partial(self._postgres.unit_of_work, counted)


@pytest.fixture
def trusted(wide_pool: Postgres) -> Trusted:
    return Trusted(wide_pool)


def outcomes(results: list[Any]) -> Counter[str]:
    return Counter(result.name for result in results)


def changed_ids(results: list[Any]) -> list[str]:
    """The sessions that the contenders say they revoked."""
    return [
        change.session.device_session_id
        for result in results
        if result.name != "already_revoked"
        for change in getattr(result, "changes", ())
    ]


def count(world: World, table: str, condition: str, *arguments: object) -> int:
    return world.database.execute(f"select count(*) from {table} where {condition}", *arguments)[0][0]


def test_of_32_revokes_of_one_session_exactly_one_revokes(world: World, trusted: Trusted) -> None:
    session = store_session(world.database, store_user(world.database))

    results = world.call(race, *[trusted.revoke(session.device_session_id)] * CONTENDERS)

    assert outcomes(results) == {"revoked": 1, "already_revoked": 31}
    assert len({result.changes[0].session.revoked_at for result in results}) == 1
    # each repeat writes the record again
    assert count(world, "projection_outbox", "device_session_id = $1", session.device_session_id) == CONTENDERS
    assert count(world, "audit_events", "subject = $1", session.device_session_id) == CONTENDERS


def test_of_32_revoke_alls_exactly_one_revokes_and_it_revokes_everything(world: World, trusted: Trusted) -> None:
    user = store_user(world.database)
    sessions = [store_session(world.database, user).device_session_id for _ in range(5)]

    results = world.call(race, *[trusted.revoke_all(user)] * CONTENDERS)

    assert outcomes(results) == {"revoked": 1, "no_active_sessions": 31}
    assert sorted(changed_ids(results)) == sorted(sessions)


@pytest.mark.parametrize("kind", ["email", "user_id"])
def test_of_32_blocks_of_one_subject_exactly_one_blocks(world: World, trusted: Trusted, kind: str) -> None:
    user = store_user(world.database)
    session = store_session(world.database, user).device_session_id
    subject = Subject("email", user.email) if kind == "email" else Subject("user_id", user.user_id)

    results = world.call(race, *[trusted.block(subject)] * CONTENDERS)

    assert outcomes(results) == {"blocked": 1, "already_blocked": 31}
    assert changed_ids(results) == [session]
    assert count(world, "blocks", "email_id = $1 or user_id = $2", user.email_id, user.user_id) == 1


def test_32_blocks_of_an_address_nobody_used_make_one_row_of_it(world: World, trusted: Trusted) -> None:
    subject = Subject("email", "nobody-yet@example.com")

    results = world.call(race, *[trusted.block(subject)] * CONTENDERS)

    assert outcomes(results) == {"blocked": 1, "already_blocked": 31}
    assert count(world, "emails", "folded = $1", subject.value) == 1


def test_of_32_unblocks_exactly_one_unblocks(world: World, trusted: Trusted) -> None:
    user = store_user(world.database)
    subject = Subject("email", user.email)
    world.call(trusted.block(subject))

    results = world.call(race, *[trusted.unblock(subject)] * CONTENDERS)

    assert outcomes(results) == {"unblocked": 1, "not_blocked": 31}


def test_revoke_all_racing_block_and_revoke_revokes_each_session_exactly_once(world: World, trusted: Trusted) -> None:
    for _ in range(10):
        user = store_user(world.database)
        sessions = [store_session(world.database, user).device_session_id for _ in range(4)]
        subjects = Subject("email", user.email), Subject("user_id", user.user_id)
        contenders = [trusted.revoke_all(user), trusted.revoke_all(user, kept=sessions[0])] * 4
        contenders += [trusted.block(subject) for subject in subjects] * 2
        contenders += [trusted.revoke(session) for session in sessions] * 2

        results = world.call(race, *contenders)

        assert sorted(changed_ids(results)) == sorted(sessions)
        assert count(world, "device_sessions", "user_id = $1 and status = 'active'", user.user_id) == 0


def test_a_mix_over_several_addresses_never_deadlocks(world: World, trusted: Trusted) -> None:
    """A unit of work hides a deadlock by running again: so count the runs."""
    users = [store_user(world.database) for _ in range(3)]
    sessions = [store_session(world.database, user).device_session_id for user in users for _ in range(3)]
    contenders: list[Contender] = []
    for user in users:
        by_email, by_user = Subject("email", user.email), Subject("user_id", user.user_id)
        contenders += [trusted.block(by_email), trusted.block(by_user), trusted.unblock(by_email)]
        contenders += [trusted.revoke_all(user), trusted.unblock(by_user)]
    contenders += [trusted.revoke(session) for session in sessions]

    for _ in range(5):
        world.call(race, *contenders)

    assert trusted.runs == 5 * len(contenders)
    assert count(world, "device_sessions", "device_session_id = any ($1) and status = 'active'", sessions) == 0
