"""Redis away: the change stands, the caller hears 503, and the record is written when Redis is back (SPEC §6.3)."""

import time
from collections.abc import Iterator

import httpx
import pytest

from authsession.embedded.redis import EmbeddedRedis
from services.internal_admin.changes.domain import PART
from tests.support.builders import StoredUser, store_session, store_user
from tests.support.database import Database
from tests.support.internal_api import InternalApi, open_internal_api
from tests.support.servers import temporary_redis
from tests.support.world import World, open_world


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    with temporary_redis() as server:
        yield server


@pytest.fixture
def world(database: Database, own_redis: EmbeddedRedis) -> Iterator[World]:
    """Over a Redis that the test may kill."""
    with open_world(database, own_redis) as running:
        yield running


@pytest.fixture
def api(world: World) -> Iterator[InternalApi]:
    with open_internal_api(world) as internal_api:
        yield internal_api


@pytest.fixture
def user(world: World) -> StoredUser:
    return store_user(world.database)


def assert_unavailable(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


def status(api: InternalApi, session_id: str) -> str:
    return api.get(f"/sessions/{session_id}").json()["session"]["status"]


def until_revoked_in_redis(api: InternalApi, session_id: str, seconds: float = 20) -> None:
    """Wait for the record; fail if it does not come."""
    deadline = time.monotonic() + seconds
    while api.status_at_gateways(session_id) != "revoked":
        assert time.monotonic() < deadline, "the revocation never reached Redis"
        time.sleep(0.05)


def test_without_redis_a_revocation_stands_and_its_repeat_publishes_it(
    world: World, api: InternalApi, own_redis: EmbeddedRedis, user: StoredUser
) -> None:
    session_id = store_session(world.database, user).device_session_id
    own_redis.kill()

    assert_unavailable(api.revoke(session_id))
    assert status(api, session_id) == "revoked"

    own_redis.start()
    answers = [api.revoke(session_id)]
    while answers[-1].status_code == 503 and len(answers) < 20:  # until the keeper has begun the new epoch
        answers.append(api.revoke(session_id))
    assert answers[-1].json()["outcome"] == "already_revoked"
    assert api.status_at_gateways(session_id) == "revoked"


def test_without_redis_a_block_stands_and_its_revocations_are_published_later(
    world: World, api: InternalApi, own_redis: EmbeddedRedis, user: StoredUser
) -> None:
    session_id = store_session(world.database, user).device_session_id
    own_redis.kill()

    assert_unavailable(api.block(email=user.email))
    assert status(api, session_id) == "revoked"
    assert len(api.get("/user-blocks", email=user.email).json()["blocks"]) == 1
    assert api.block(email=user.email).json()["outcome"] == "already_blocked"

    own_redis.start()
    until_revoked_in_redis(api, session_id)


@pytest.mark.parametrize("part", [PART, 2], ids=["in one transaction", "in several"])
def test_without_redis_revoke_all_stands(
    world: World,
    api: InternalApi,
    own_redis: EmbeddedRedis,
    user: StoredUser,
    monkeypatch: pytest.MonkeyPatch,
    part: int,
) -> None:
    monkeypatch.setattr("services.internal_admin.sessions.store.PART", part)
    sessions = [store_session(world.database, user).device_session_id for _ in range(5)]
    own_redis.kill()

    assert_unavailable(api.revoke_all(user.user_id))
    assert api.revoke_all(user.user_id).json()["outcome"] == "no_active_sessions"

    own_redis.start()
    for session_id in sessions:
        until_revoked_in_redis(api, session_id)


def test_without_redis_everything_that_needs_none_goes_on(
    api: InternalApi, own_redis: EmbeddedRedis, user: StoredUser
) -> None:
    own_redis.kill()
    assert api.get("/users", email=user.email).status_code == 200
    assert api.get(f"/users/{user.user_id}/sessions").status_code == 200
    assert api.unblock(email=user.email).status_code == 200
    assert api.block(email=user.email).status_code == 200  # no session: nothing to publish
