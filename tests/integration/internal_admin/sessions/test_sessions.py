"""Every answer of the session routes (SPEC §4.1), on real Postgres and Redis."""

from datetime import timedelta

import pytest

from shared.kernel.client_key import parse_client_public_key
from tests.support.builders import (
    SEED_CLIENT_PUBLIC_KEY,
    SOME_INSTANT,
    StoredUser,
    revoked_device_session,
    store_session,
    store_user,
)
from tests.support.internal_api import InternalApi
from tests.support.world import World


@pytest.fixture
def user(world: World) -> StoredUser:
    return store_user(world.database)


def ids(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [session["device_session_id"] for session in answer["sessions"]]


def store_at(world: World, user: StoredUser, seconds: int, **changes: object) -> str:
    """The id of a session created that long after some instant."""
    created_at = SOME_INSTANT + timedelta(seconds=seconds)
    return store_session(world.database, user, created_at=created_at, **changes).device_session_id


def test_an_active_session_reads_as_in_the_seed(world: World, api: InternalApi, user: StoredUser) -> None:
    session = store_session(world.database, user, created_at=SOME_INSTANT)

    answer = api.get(f"/sessions/{session.device_session_id}")

    assert answer.status_code == 200
    assert list(answer.json()["session"].items()) == [
        ("device_session_id", session.device_session_id),
        ("user_id", user.user_id),
        ("client_public_key", session.client_public_key.base64),
        ("status", "active"),
        ("created_at", "2026-04-05T12:00:00Z"),
    ]


def test_a_revoked_session_says_when_why_and_by_whom(world: World, api: InternalApi, user: StoredUser) -> None:
    stored = revoked_device_session()
    session = store_session(
        world.database,
        user,
        status="revoked",
        revoked_at=stored.revoked_at,
        revoke_reason_code=stored.revoke_reason_code,
        revoke_actor=stored.revoke_actor,
    )

    shown = api.get(f"/sessions/{session.device_session_id}").json()["session"]

    assert list(shown)[3:] == ["status", "created_at", "revoked_at", "revoke_reason_code", "revoke_actor"]
    assert shown["status"] == "revoked"
    assert shown["revoked_at"] == "2026-04-05T12:00:00Z"
    assert shown["revoke_reason_code"] == "admin_revoke"
    assert shown["revoke_actor"] == {"type": "admin", "id": "admin-1"}


@pytest.mark.parametrize("unknown", ["device-session-unknown", "pilot@example.com", "%E2%82%AC", "x" * 2000])
def test_an_unknown_session_is_not_found(api: InternalApi, unknown: str) -> None:
    answer = api.get(f"/sessions/{unknown}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "session_not_found")


@pytest.mark.parametrize("id_", ["a%00b", "%00", "%ED%A0%80", "%FF", "a%0Ab"])
@pytest.mark.parametrize("path", ["/sessions/{}", "/sessions/{}/revoke", "/users/{}/sessions/revoke-all"])
def test_text_that_postgres_could_not_hold_is_refused_and_no_fault(api: InternalApi, path: str, id_: str) -> None:
    answer = api.post(path.format(id_)) if "revoke" in path else api.get(path.format(id_))
    assert answer.status_code == 404


def test_revoking_a_session_answers_as_in_the_seed(world: World, api: InternalApi, user: StoredUser) -> None:
    session_id = store_session(world.database, user).device_session_id

    answer = api.revoke(session_id, actor={"type": "system"})

    assert answer.status_code == 200
    assert answer.text == (f'{{"outcome":"revoked","device_session_id":"{session_id}","affected_session_count":1}}')
    assert api.get(f"/sessions/{session_id}").json()["session"]["revoke_actor"] == {"type": "system"}


def test_a_revocation_is_readable_by_gateways_when_it_is_answered(
    world: World, api: InternalApi, user: StoredUser
) -> None:
    session = store_session(world.database, user)

    api.revoke(session.device_session_id)

    record = api.gateway_record(session.device_session_id)
    assert record is not None
    assert (record.status, record.user_id) == ("revoked", user.user_id)


def test_a_repeated_revoke_changes_nothing_and_writes_the_record_again(
    world: World, api: InternalApi, user: StoredUser
) -> None:
    session_id = store_session(world.database, user).device_session_id
    api.revoke(session_id)
    before, record = api.get(f"/sessions/{session_id}").json(), api.gateway_record(session_id)
    api.forget_gateway_record(session_id)

    answer = api.revoke(session_id, reason_code="another", actor={"type": "system"})

    assert answer.json() == {
        "outcome": "already_revoked",
        "device_session_id": session_id,
        "affected_session_count": 0,
    }
    assert api.get(f"/sessions/{session_id}").json() == before
    assert api.gateway_record(session_id) == record


def test_revoking_an_unknown_session_is_not_found(api: InternalApi) -> None:
    answer = api.revoke("device-session-unknown")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "session_not_found")


def test_revoke_all_names_the_sessions_newest_first(world: World, api: InternalApi, user: StoredUser) -> None:
    oldest, middle, newest = (store_at(world, user, seconds) for seconds in (0, 1, 2))
    others = store_session(world.database, store_user(world.database)).device_session_id

    answer = api.revoke_all(user.user_id)

    assert answer.status_code == 200
    assert list(answer.json().items()) == [
        ("outcome", "revoked"),
        ("user_id", user.user_id),
        ("affected_session_count", 3),
        ("affected_device_session_ids", [newest, middle, oldest]),
    ]
    for session_id in (oldest, middle, newest):
        assert api.status_at_gateways(session_id) == "revoked"
    assert api.get(f"/sessions/{others}").json()["session"]["status"] == "active"


def test_sessions_of_one_instant_are_named_by_id(world: World, api: InternalApi, user: StoredUser) -> None:
    made = [store_at(world, user, 0) for _ in range(5)]
    assert api.revoke_all(user.user_id).json()["affected_device_session_ids"] == sorted(made)


def test_a_repeated_revoke_all_finds_no_active_session(world: World, api: InternalApi, user: StoredUser) -> None:
    store_session(world.database, user)
    api.revoke_all(user.user_id)

    answer = api.revoke_all(user.user_id)

    assert answer.json() == {
        "outcome": "no_active_sessions",
        "user_id": user.user_id,
        "affected_session_count": 0,
        "affected_device_session_ids": [],
    }


def test_revoke_all_spares_the_excepted_session(world: World, api: InternalApi, user: StoredUser) -> None:
    revoked, spared = store_at(world, user, 0), store_at(world, user, 1)

    answer = api.revoke_all(user.user_id, except_device_session_id=spared)

    assert answer.json()["affected_device_session_ids"] == [revoked]
    assert ids(api.get(f"/users/{user.user_id}/sessions", status="active").json()) == [spared]


def test_sparing_the_only_session_revokes_nothing(world: World, api: InternalApi, user: StoredUser) -> None:
    only = store_session(world.database, user).device_session_id
    assert api.revoke_all(user.user_id, except_device_session_id=only).json()["outcome"] == "no_active_sessions"


def test_sparing_a_session_of_somebody_else_is_refused_and_revokes_nothing(
    world: World, api: InternalApi, user: StoredUser
) -> None:
    own = store_session(world.database, user).device_session_id
    foreign = store_session(world.database, store_user(world.database)).device_session_id

    answer = api.revoke_all(user.user_id, except_device_session_id=foreign)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert "except_device_session_id" in answer.json()["error"]["message"]
    assert api.get(f"/sessions/{own}").json()["session"]["status"] == "active"


def test_revoke_all_of_an_unknown_user_is_not_found(api: InternalApi) -> None:
    answer = api.revoke_all("user-unknown")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "subject_not_found")


@pytest.mark.parametrize("change", [{"reason_code": "No"}, {"actor": {}}, {"more": 1}, {"reason_code": None}])
def test_a_malformed_mutation_changes_nothing(
    world: World, api: InternalApi, user: StoredUser, change: dict[str, object]
) -> None:
    session_id = store_session(world.database, user).device_session_id
    for answer in (api.revoke(session_id, **change), api.revoke_all(user.user_id, **change)):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert api.get(f"/sessions/{session_id}").json()["session"]["status"] == "active"


def test_a_list_holds_active_and_revoked_newest_first(world: World, api: InternalApi, user: StoredUser) -> None:
    oldest, middle, newest = (store_at(world, user, seconds) for seconds in (0, 1, 2))
    api.revoke(middle)

    answer = api.get(f"/users/{user.user_id}/sessions").json()

    assert ids(answer) == [newest, middle, oldest]
    assert [session["status"] for session in answer["sessions"]] == ["active", "revoked", "active"]
    assert "next_cursor" not in answer


def test_the_list_of_an_unknown_user_is_empty(api: InternalApi) -> None:
    assert api.get("/users/user-unknown/sessions").json() == {"sessions": []}


@pytest.mark.parametrize("status", [None, "active", "revoked"])
def test_pages_together_are_the_whole_list(
    world: World, api: InternalApi, user: StoredUser, status: str | None
) -> None:
    made = [store_at(world, user, second // 3) for second in range(14)]  # several of one instant
    for session_id in made[::2]:
        api.revoke(session_id)
    path, query = f"/users/{user.user_id}/sessions", {"status": status} if status else {}
    whole = ids(api.get(path, **query).json())

    pages = [api.get(path, limit=3, **query).json()]
    while "next_cursor" in pages[-1]:
        pages.append(api.get(path, limit=3, cursor=pages[-1]["next_cursor"], **query).json())

    assert len(whole) == (14 if status is None else 7)
    assert [session_id for page in pages for session_id in ids(page)] == whole
    assert all(len(page["sessions"]) == 3 for page in pages[:-1])


def test_a_full_last_page_has_no_cursor(world: World, api: InternalApi, user: StoredUser) -> None:
    for seconds in (0, 1):
        store_at(world, user, seconds)
    assert "next_cursor" not in api.get(f"/users/{user.user_id}/sessions", limit=2).json()


def test_a_session_made_meanwhile_moves_no_later_page(world: World, api: InternalApi, user: StoredUser) -> None:
    oldest, middle, _newest = (store_at(world, user, seconds) for seconds in (0, 1, 2))
    path = f"/users/{user.user_id}/sessions"
    cursor = api.get(path, limit=1).json()["next_cursor"]
    store_at(world, user, 3)

    assert ids(api.get(path, limit=5, cursor=cursor).json()) == [middle, oldest]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"cursor": "!"}, {"status": "gone"}, {"page": 2}])
def test_a_malformed_list_is_refused(api: InternalApi, user: StoredUser, query: dict[str, str]) -> None:
    answer = api.get(f"/users/{user.user_id}/sessions", **query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_the_key_of_the_seed_is_shown_as_it_was_given(world: World, api: InternalApi, user: StoredUser) -> None:
    key = parse_client_public_key(SEED_CLIENT_PUBLIC_KEY)
    session = store_session(world.database, user, client_public_key=key)
    shown = api.get(f"/sessions/{session.device_session_id}").json()["session"]
    assert shown["client_public_key"] == SEED_CLIENT_PUBLIC_KEY
