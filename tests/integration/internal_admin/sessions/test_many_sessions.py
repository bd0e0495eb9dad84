"""One user with 50,000 sessions: nothing about them holds the process' only loop, or ends in a time-out (SPEC §4.2)."""

import gc
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from time import thread_time
from typing import Any

import pytest
import redis as redis_py
import trio

from contracts.gateway import decode_record
from services.internal_admin.blocks.domain import BlockSubject
from services.internal_admin.blocks.store import block_subject
from services.internal_admin.changes.domain import NOTHING, PART, Done, Part, session_ids
from services.internal_admin.sessions.domain import Revoked, RevokeUserSessions
from services.internal_admin.sessions.store import revoke_user_sessions
from shared.kernel.block import Subject
from tests.support.background import background
from tests.support.builders import StoredUser, store_session, store_user, unique
from tests.support.internal_api import InternalApi
from tests.support.redis_bytes import stored_all
from tests.support.trusted import CAUSE
from tests.support.world import World

MANY = 50_000
TICK = 0.005
LONGEST = 0.1
"""Seconds between two turns of the loop, of its thread's own time: another process may have the machine meanwhile."""


@dataclass
class Lag:
    """The delays that a task sees which sleeps `TICK` again and again on the loop."""

    seconds: list[float]

    @property
    def longest(self) -> float:
        return max(self.seconds)


@pytest.fixture
def lag(world: World) -> Iterator[Lag]:
    lag = Lag([])

    async def tick(task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            began = thread_time()
            await trio.sleep(TICK)
            lag.seconds.append(thread_time() - began)

    world.enter(background, tick)
    gc.collect()
    gc.freeze()  # else the collector's pauses tell of pytest's own objects: a tenth of a second each
    yield lag
    gc.unfreeze()


def store_sessions(world: World, user: StoredUser, count: int) -> None:
    """Active ones, of which each two were made in the same instant."""
    world.database.execute(
        """
        insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id, status,
                                     created_at)
        select 'device-session-' || $2 || n, $1, decode(repeat('00', 32), 'hex'), gen_random_uuid(),
               'challenge-' || $2 || n, 'active', now() - (n / 2) * interval '1 second'
          from generate_series(1, $3::integer) as n
        """,
        user.user_id,
        unique("many-"),
        count,
    )


@pytest.fixture
def user(world: World) -> StoredUser:
    return store_user(world.database)


def in_order(world: World, user: StoredUser) -> list[str]:
    """The user's sessions as lists show them."""
    sql = "select device_session_id from device_sessions where user_id = $1 order by created_at desc, device_session_id"
    return [row[0] for row in world.database.execute(sql, user.user_id)]


def active_sessions(world: World, user: StoredUser) -> Sequence[Any]:
    sql = "select device_session_id from device_sessions where user_id = $1 and status = 'active'"
    return world.database.execute(sql, user.user_id)


def statuses_at_gateways(world: World, api: InternalApi, session_ids: list[str]) -> set[str]:
    keys = [api._keys.record(session_id) for session_id in session_ids]
    with redis_py.Redis(port=world.redis_server.port) as client:
        return {"none" if found is None else decode_record(found).status for found in stored_all(client, keys)}


def audited(world: World, event: str, subject: str) -> list[tuple[str, int]]:
    sql = "select outcome, details from audit_events where event = $1 and subject = $2 order by audit_id"
    rows = world.database.execute(sql, event, subject)
    return [(row["outcome"], json.loads(row["details"])["affected_session_count"]) for row in rows]


def test_fifty_thousand_sessions_are_listed_and_blocked_without_holding_the_loop(
    world: World, api: InternalApi, user: StoredUser, lag: Lag
) -> None:
    store_sessions(world, user, MANY)
    expected = in_order(world, user)

    lag.seconds.clear()
    listed = api.get(f"/users/{user.user_id}/sessions")
    assert lag.longest < LONGEST, f"listing held the loop for {lag.longest:.3f} s"
    answer = listed.json()
    assert list(answer) == ["sessions"]
    assert [session["device_session_id"] for session in answer["sessions"]] == expected

    lag.seconds.clear()
    blocked = api.block(user_id=user.user_id)
    assert lag.longest < LONGEST, f"blocking held the loop for {lag.longest:.3f} s"
    assert (blocked.status_code, blocked.json()["outcome"]) == (200, "blocked")
    assert blocked.json()["affected_device_session_ids"] == expected
    assert len(active_sessions(world, user)) == 0
    assert statuses_at_gateways(world, api, expected) == {"revoked"}
    rows = audited(world, "security.block_subject", user.user_id)
    assert rows == [("blocked", PART), *[("continued", PART)] * (MANY // PART - 1), ("continued", 0)]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """The number of sessions in a part, 1,000 otherwise."""
    for feature in ("sessions", "users", "changes"):
        monkeypatch.setattr(f"services.internal_admin.{feature}.store.PART", 10)
    return 10


def part_of(world: World, unit: Callable[..., Awaitable[Any]], command: Any, done: Done = NOTHING) -> Any:
    """One transaction of a mutation."""
    return world.call(world.internal.unit_of_work, unit, done, command)


@pytest.mark.parametrize("count", [9, 10, 11, 30, 35])
def test_an_answer_in_parts_is_that_of_one(
    world: World, api: InternalApi, user: StoredUser, small_parts: int, count: int
) -> None:
    store_sessions(world, user, count)
    expected = in_order(world, user)

    answer = api.revoke_all(user.user_id)

    assert answer.json() == {
        "outcome": "revoked",
        "user_id": user.user_id,
        "affected_session_count": count,
        "affected_device_session_ids": expected,
    }
    assert statuses_at_gateways(world, api, expected) == {"revoked"}
    assert sum(number for _, number in audited(world, "security.revoke_user_sessions", user.user_id)) == count


def test_the_session_to_keep_and_what_logs_in_between_two_parts_stay(
    world: World, user: StoredUser, small_parts: int
) -> None:
    store_sessions(world, user, 25)
    kept = in_order(world, user)[12]
    command = RevokeUserSessions(user.user_id, kept, CAUSE)

    first = part_of(world, revoke_user_sessions, command)
    assert isinstance(first, Part)
    newer = store_session(world.database, user).device_session_id
    second = part_of(world, revoke_user_sessions, command, first.done)
    last = part_of(world, revoke_user_sessions, command, second.done)

    assert isinstance(last, Revoked)
    assert len(last.before + session_ids(last.changes)) == 24
    assert {kept, newer} == {each["device_session_id"] for each in active_sessions(world, user)}


def test_the_block_comes_first_and_a_repeat_goes_on_where_the_first_one_ended(
    world: World, api: InternalApi, user: StoredUser, small_parts: int
) -> None:
    store_sessions(world, user, 25)
    expected = in_order(world, user)

    part_of(world, block_subject, BlockSubject(Subject("email", user.email), None, CAUSE))  # and the process ended
    assert len(api.get("/user-blocks", email=user.email).json()["blocks"]) == 1
    assert len(active_sessions(world, user)) == 15

    repeat = api.block(email=user.email).json()
    assert (repeat["outcome"], repeat["affected_device_session_ids"]) == ("already_blocked", expected[10:])
    assert len(active_sessions(world, user)) == 0
    assert audited(world, "security.block_subject", f"email-{user.email_id}") == [
        ("blocked", 10), ("already_blocked", 10), ("continued", 5),
    ]  # fmt: skip


def test_a_user_with_sessions_and_challenges_of_many_parts_is_erased(
    world: World, api: InternalApi, user: StoredUser, small_parts: int
) -> None:
    store_sessions(world, user, 25)
    world.database.execute(
        """
        with codes as (
            insert into login_codes (login_code_id, email_id, email, key_id, salt, mac,
                                     created_at, expires_at, ended_at)
            select gen_random_uuid(), $1, $2, 'k', decode(repeat('00', 16), 'hex'), decode(repeat('00', 32), 'hex'),
                   now(), now() + interval '1 minute', now()
              from generate_series(1, 35)
            returning login_code_id
        )
        insert into challenges (challenge_id, email_id, email, login_code_id, network_tag, preferred_language, state,
                                created_at, expires_at)
        select 'challenge-' || login_code_id, $1, $2, login_code_id, decode(repeat('00', 16), 'hex'), 'en', 'sent',
               now(), now() + interval '1 minute'
          from codes
        """,
        user.email_id,
        user.email,
    )
    expected = in_order(world, user)

    answer = api.delete(user.user_id)

    assert answer.json()["affected_device_session_ids"] == expected
    assert statuses_at_gateways(world, api, expected) == {"revoked"}
    for table in ("emails", "users", "challenges", "login_codes"):
        sql = f"select count(*) from {table} where email_id = $1"
        assert world.database.execute(sql, user.email_id)[0][0] == 0, table
    assert api.delete(user.user_id).status_code == 404
