"""Every mutation that could be read leaves one audit row, whatever became of it (SPEC §4.4, §10.8)."""

import json
from typing import Any

import asyncpg
import pytest

from tests.support.builders import StoredUser, store_session, store_user
from tests.support.internal_api import PEER, InternalApi
from tests.support.world import World

CAUSE = {"reason_code": "audit_test", "actor": {"type": "support", "id": "agent-7"}}


def events(world: World, after: int) -> list[asyncpg.Record]:
    return world.database.execute("select * from audit_events where audit_id > $1 order by audit_id", after)


@pytest.fixture
def before(world: World) -> int:
    return world.database.execute("select coalesce(max(audit_id), 0) from audit_events")[0][0]


@pytest.fixture
def user(world: World) -> StoredUser:
    return store_user(world.database)


def test_each_mutation_is_audited_with_its_outcome(
    world: World, api: InternalApi, user: StoredUser, before: int
) -> None:
    session_id = store_session(world.database, user).device_session_id
    email = f"email-{user.email_id}"

    api.revoke(session_id, **CAUSE)
    api.revoke(session_id, **CAUSE)
    api.revoke("device-session-unknown", **CAUSE)
    api.revoke_all(user.user_id, **CAUSE)
    api.revoke_all(user.user_id, except_device_session_id="device-session-unknown", **CAUSE)
    api.revoke_all("user-unknown", **CAUSE)
    api.block(email=user.email, **CAUSE)
    api.block(email=user.email, **CAUSE)
    api.block(email=user.email, expires_at="2020-01-01T00:00:00Z", **CAUSE)
    api.block(user_id="user-unknown", **CAUSE)
    api.unblock(email=user.email, **CAUSE)
    api.unblock(user_id=user.user_id, **CAUSE)

    assert [
        (row["event"].removeprefix("security."), row["outcome"], row["subject"]) for row in events(world, before)
    ] == [
        ("revoke_session", "revoked", session_id),
        ("revoke_session", "already_revoked", session_id),
        ("revoke_session", "session_not_found", "device-session-unknown"),
        ("revoke_user_sessions", "no_active_sessions", user.user_id),
        ("revoke_user_sessions", "except_not_of_this_user", user.user_id),
        ("revoke_user_sessions", "subject_not_found", "user-unknown"),
        ("block_subject", "blocked", email),
        ("block_subject", "already_blocked", email),
        ("block_subject", "expiry_passed", email),
        ("block_subject", "subject_not_found", "user-unknown"),
        ("unblock_subject", "unblocked", email),
        ("unblock_subject", "not_blocked", user.user_id),
    ]


def test_the_authenticated_caller_and_the_claimed_actor_are_kept_apart(
    world: World, api: InternalApi, user: StoredUser, before: int
) -> None:
    answer = api.block(user_id=user.user_id, **CAUSE)

    [row] = events(world, before)
    assert (row["caller"], row["network"]) == ("trusted_network", PEER)
    assert (row["actor_type"], row["actor_id"], row["reason_code"]) == ("support", "agent-7", "audit_test")
    assert row["request_id"] == answer.headers["x-request-id"]
    assert json.loads(row["details"]) == {"affected_session_count": 0}


@pytest.mark.parametrize("verb", ["revoke", "revoke_all"])
def test_an_address_in_the_place_of_an_id_never_reaches_the_trail(
    world: World, api: InternalApi, before: int, verb: str
) -> None:
    getattr(api, verb)("pilot@example.com", **CAUSE)
    [row] = events(world, before)
    assert row["subject"] is None
    assert not any("@" in str(value) for value in row.values())


def test_no_row_holds_an_address(world: World, api: InternalApi, user: StoredUser, before: int) -> None:
    subjects: list[dict[str, Any]] = [{"email": user.email}, {"email": "unknown@example.com"}]
    for subject in subjects:
        api.block(**subject, **CAUSE)
        api.unblock(**subject, **CAUSE)
    rows = events(world, before)
    assert len(rows) == 4
    assert not any("@" in str(value) for row in rows for value in row.values())


def test_reading_is_not_audited(world: World, api: InternalApi, user: StoredUser, before: int) -> None:
    for path in (f"/users/{user.user_id}/sessions", "/user-blocks", "/sessions/device-session-unknown"):
        api.get(path)
    assert events(world, before) == []


def test_the_internal_role_can_neither_change_nor_remove_a_row(world: World) -> None:
    for statement in ("update audit_events set outcome = 'x'", "delete from audit_events", "truncate audit_events"):

        async def attempt(connection: asyncpg.Connection, statement: str = statement) -> None:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)

        world.call(world.internal.unit_of_work, attempt)
