"""Mutations of the trusted API under an `Idempotency-Key`: done once, answered alike every time."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import httpx
import pytest
import trio

from services.internal_admin.callers.identity import Caller
from services.internal_admin.changes.domain import NOTHING, Answer, Answered, Done, keyed_request
from services.internal_admin.changes.store import answer_once
from services.internal_admin.retention.store import remove_aged
from services.internal_admin.sessions.domain import NoActiveSessions
from tests.support.builders import StoredUser, store_session, store_user, unique
from tests.support.control_plane import PEER, ControlPlane, open_control_plane
from tests.support.database import Database
from tests.support.internal_api import gateway_keys
from tests.support.public_flow import race
from tests.support.world import World

ROOT = "/api/v1/internal"
CAUSE = {"reason_code": "admin_revoke", "actor": {"type": "admin", "id": "admin-1"}}


@pytest.fixture(scope="module")
def replicas(world: World) -> Iterator[tuple[ControlPlane, ControlPlane]]:
    keys = gateway_keys()
    with open_control_plane(world, gateway_keys=keys) as one, open_control_plane(world, gateway_keys=keys) as two:
        yield one, two


@pytest.fixture(scope="module")
def plane(replicas: tuple[ControlPlane, ControlPlane]) -> ControlPlane:
    return replicas[0]


@pytest.fixture
def user(database: Database) -> StoredUser:
    user = store_user(database)
    for _ in range(2):
        store_session(database, user)
    return user


@pytest.fixture
def key() -> str:
    return unique("key-")


def post(plane: ControlPlane, path: str, key: str | None, token: str | None = None, **body: Any) -> httpx.Response:
    headers = {} if key is None else {"idempotency-key": key}
    return plane.post(ROOT + path, CAUSE | body, token=token, headers=headers)


def revoke_all(plane: ControlPlane, user: StoredUser, key: str | None, **more: Any) -> httpx.Response:
    return post(plane, f"/users/{user.user_id}/sessions/revoke-all", key, **more)


def told(answer: httpx.Response) -> tuple[int, bytes]:
    return answer.status_code, answer.content


def audited(database: Database, event: str, subject: str | None) -> int:
    sql = "select count(*) from audit_events where event = $1 and subject is not distinct from $2"
    return database.execute(sql, event, subject)[0]["count"]


def repeats(database: Database, answer: httpx.Response) -> list[tuple[str, str]]:
    """The rows of requests that came after the answered one."""
    rows = database.execute(
        "select outcome, details->>'first_request_id' as first from audit_events where event = $1 order by audit_id",
        "security.repeat_request",
    )
    return [tuple(row) for row in rows if row["first"] == answer.headers["x-request-id"]]


def test_a_repeat_gets_the_first_answer_and_changes_nothing(
    plane: ControlPlane, database: Database, user: StoredUser, key: str
) -> None:
    first = revoke_all(plane, user, key)
    store_session(database, user)

    again = revoke_all(plane, user, key)

    assert first.json()["affected_session_count"] == 2
    assert told(again) == told(first)
    assert audited(database, "security.revoke_user_sessions", user.user_id) == 1
    assert repeats(database, first) == [("repeated", first.headers["x-request-id"])]
    assert revoke_all(plane, user, None).json()["affected_session_count"] == 1


def test_every_mutation_of_sessions_and_blocks_takes_a_key(
    plane: ControlPlane, database: Database, user: StoredUser
) -> None:
    session_id = store_session(database, user).device_session_id
    calls = [
        partial(post, plane, f"/sessions/{session_id}/revoke"),
        partial(post, plane, f"/users/{user.user_id}/sessions/revoke-all"),
        partial(post, plane, "/user-blocks", email=user.email),
        partial(post, plane, "/user-blocks/remove", email=user.email),
    ]
    for call in calls:
        key = unique("key-")
        assert told(call(key=key)) == told(call(key=key)), "with the key"
        assert told(call(key=None)) != told(call(key=key)), "without the key it says what it found"


def test_two_services_on_the_trusted_network_may_choose_one_key(world: World, database: Database, key: str) -> None:
    """Only their networks tell them apart: each gets its own answer, and its own repeat."""
    with open_control_plane(world, gateway_keys=gateway_keys(), trusted_proxies=(PEER,)) as behind_a_proxy:

        def block(network: str, email: str) -> httpx.Response:
            headers = {"idempotency-key": key, "x-forwarded-for": network}
            return behind_a_proxy.post(f"{ROOT}/user-blocks", CAUSE | {"email": email}, headers=headers)

        one, other = store_user(database).email, store_user(database).email
        first, second = block("192.0.2.1", one), block("192.0.2.2", other)
        assert (first.status_code, second.status_code) == (200, 200)
        assert told(block("192.0.2.1", one)) == told(first)
        assert told(block("192.0.2.2", other)) == told(second)
        assert block("192.0.2.1", other).json()["error"]["code"] == "idempotency_conflict"


def test_an_answer_that_the_release_before_kept_counts_for_its_own_request(
    plane: ControlPlane, database: Database, user: StoredUser, key: str
) -> None:
    first = revoke_all(plane, user, key)
    moved = "update idempotency_keys set caller = 'trusted_network' where key_hash = sha256($1::bytea) returning 1"
    assert len(database.execute(moved, key.encode())) == 1
    assert told(revoke_all(plane, user, key)) == told(first)
    assert told(revoke_all(plane, store_user(database), key))[0] == 200


def test_a_refusal_that_was_committed_is_kept_too(plane: ControlPlane, database: Database, key: str) -> None:
    user_id = unique("user-nobody-")
    first = post(plane, "/user-blocks", key, user_id=user_id)
    store_user(database, user_id=user_id)

    assert (first.status_code, first.json()["error"]["code"]) == (404, "subject_not_found")
    assert told(post(plane, "/user-blocks", key, user_id=user_id)) == told(first)
    assert post(plane, "/user-blocks", None, user_id=user_id).status_code == 200


def test_a_request_that_was_malformed_keeps_nothing(plane: ControlPlane, user: StoredUser, key: str) -> None:
    assert revoke_all(plane, user, key, unknown=1).status_code == 400
    assert revoke_all(plane, user, key).json()["outcome"] == "revoked"


def test_another_body_or_path_under_the_key_is_a_conflict_that_changes_nothing(
    plane: ControlPlane, database: Database, user: StoredUser, key: str
) -> None:
    other = store_user(database)
    session = store_session(database, other).device_session_id
    first = revoke_all(plane, user, key)

    other_body = revoke_all(plane, user, key, reason_code="another")
    other_path = revoke_all(plane, other, key)

    for answer in (other_body, other_path):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_conflict")
    assert plane.get(f"{ROOT}/sessions/{session}").json()["session"]["status"] == "active"
    assert [outcome for outcome, _ in repeats(database, first)] == ["idempotency_conflict"] * 2
    assert told(revoke_all(plane, user, key)) == told(first)


def test_each_caller_has_keys_of_its_own(plane: ControlPlane, user: StoredUser, key: str) -> None:
    owner = plane.claim_owner()
    body = {"name": "revoker", "scopes": ["sessions:revoke"]}
    token = plane.post("/api/control-plane/auth/tokens", body, token=owner.session_token).json()["secret"]

    by_network = revoke_all(plane, user, key)
    by_token = revoke_all(plane, user, key, token=token)
    by_operator = revoke_all(plane, user, key, token=owner.session_token)

    assert [answer.json()["outcome"] for answer in (by_network, by_token, by_operator)] == [
        "revoked",
        "no_active_sessions",
        "no_active_sessions",
    ]
    assert told(revoke_all(plane, user, key, token=token)) == told(by_token)


@pytest.mark.parametrize("wrong", ["", "a" * 256, "two words", "tab\there", b"caf\xc3\xa9"])
def test_a_key_that_is_none_is_refused_and_nothing_is_done(plane: ControlPlane, user: StoredUser, wrong: Any) -> None:
    answer = revoke_all(plane, user, wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert "Idempotency-Key" in answer.json()["error"]["message"]
    assert revoke_all(plane, user, "a" * 255 if len(wrong) == 256 else None).json()["affected_session_count"] == 2


def test_of_16_at_once_one_changes_and_all_are_answered_alike(
    replicas: tuple[ControlPlane, ControlPlane], world: World, database: Database, user: StoredUser, key: str
) -> None:
    path, headers = f"{ROOT}/users/{user.user_id}/sessions/revoke-all", {"idempotency-key": key}
    calls = [partial(replica._client.request, "POST", path, json=CAUSE, headers=headers) for replica in replicas * 8]

    answers = world.call(race, *calls)

    assert len({told(answer) for answer in answers}) == 1
    assert answers[0].json()["affected_session_count"] == 2
    assert audited(database, "security.revoke_user_sessions", user.user_id) == 1
    rows = database.execute("select outcome from audit_events where event = 'security.repeat_request'")
    assert Counter(row["outcome"] for row in rows)["repeated"] >= 15


def test_while_the_first_is_under_way_the_second_waits_and_does_it_if_the_first_fails(world: World) -> None:
    request = keyed_request(Caller("test", None, "request-1"), unique("key-"), b"request", is_shared=False)
    called: list[str] = []

    async def first_body(connection: asyncpg.Connection, _: Done) -> NoActiveSessions:
        await connection.execute("select pg_sleep(0.3)")
        called.append("first failed")
        raise RuntimeError("the first one fails")

    async def second_body(_: asyncpg.Connection, _done: Done) -> NoActiveSessions:
        called.append("second")
        return NoActiveSessions()

    def answer(_: NoActiveSessions) -> Answer:
        return Answer(200, b"{}")

    async def both() -> Any:
        outcomes: list[Any] = []

        async def first() -> None:
            with pytest.raises(RuntimeError):
                await world.internal.unit_of_work(answer_once, NOTHING, request, answer, first_body)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(first)
            await trio.sleep(0.1)
            outcomes.append(await world.internal.unit_of_work(answer_once, NOTHING, request, answer, second_body))
        return outcomes

    (outcome,) = world.call(both)
    assert isinstance(outcome, Answered)
    assert called == ["first failed", "second"]


def test_after_24_hours_a_key_is_new_and_its_row_goes_by_retention(
    world: World, plane: ControlPlane, database: Database, user: StoredUser, key: str
) -> None:
    gone = unique("key-")
    for each in (key, gone):
        revoke_all(plane, user, each)
    world.travel(timedelta(hours=24, seconds=1))

    assert revoke_all(plane, user, key).json()["outcome"] == "no_active_sessions"

    removed = world.call(world.internal.unit_of_work, remove_aged, limit=100)
    assert removed["idempotency_key"].rows >= 1
    assert database.execute("select count(*) from idempotency_keys")[0]["count"] == 1


def test_neither_key_nor_request_is_stored(plane: ControlPlane, database: Database, user: StoredUser) -> None:
    key = unique("key-that-nobody-may-read-")
    revoke_all(plane, user, key)
    (row,) = database.execute("select string_agg(k::text, ' ') as everything from idempotency_keys k")
    assert key not in row["everything"]
    assert key.encode().hex() not in row["everything"]
