"""Every answer of the block routes (SPEC §4.1, §4.2), on real Postgres and Redis."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.builders import StoredUser, email_address, store_session, store_user
from tests.support.internal_api import InternalApi
from tests.support.world import World

SEED_CAUSE = {"reason_code": "policy_blocked", "actor": {"type": "admin", "id": "admin-1"}}


@pytest.fixture
def user(world: World) -> StoredUser:
    return store_user(world.database)


def active(world: World, user: StoredUser) -> str:
    return store_session(world.database, user).device_session_id


def status(api: InternalApi, session_id: str) -> str:
    return api.get(f"/sessions/{session_id}").json()["session"]["status"]


def in_(world: World, by: timedelta) -> str:
    """An instant that far from now on the clock that decides, as on the wire."""
    now: datetime = world.database.execute("select clock_now()")[0][0]
    return (now + by).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_blocking_an_address_nobody_used_answers_as_in_the_seed(api: InternalApi) -> None:
    answer = api.block(email="pilot@example.com", **SEED_CAUSE)

    assert answer.status_code == 200
    assert answer.text == (
        '{"outcome":"blocked","subject_kind":"email","subject_value":"pilot@example.com",'
        '"affected_session_count":0,"affected_device_session_ids":[]}'
    )


def test_blocking_an_address_revokes_the_sessions_of_every_user_it_folds_to(world: World, api: InternalApi) -> None:
    """`Pilot@…` and `pilot@…` are two users and one subject (SPEC §2.3)."""
    address = email_address()
    users = [store_user(world.database, email=address), store_user(world.database, email=address.upper())]
    oldest, newest = active(world, users[0]), active(world, users[1])
    other = active(world, store_user(world.database))

    answer = api.block(email=address.title()).json()

    assert (answer["subject_kind"], answer["subject_value"]) == ("email", address)
    assert (answer["affected_session_count"], answer["affected_device_session_ids"]) == (2, [newest, oldest])
    for session_id in (oldest, newest):
        assert api.status_at_gateways(session_id) == "revoked"
    assert status(api, other) == "active"


def test_blocking_a_user_revokes_only_that_users_sessions(world: World, api: InternalApi) -> None:
    address = email_address()
    blocked, other = store_user(world.database, email=address), store_user(world.database, email=address.upper())
    own, of_other = active(world, blocked), active(world, other)

    answer = api.block(user_id=blocked.user_id).json()

    assert answer == {
        "outcome": "blocked",
        "subject_kind": "user_id",
        "subject_value": blocked.user_id,
        "affected_session_count": 1,
        "affected_device_session_ids": [own],
    }
    assert status(api, of_other) == "active"


def test_blocking_an_unknown_user_is_not_found(api: InternalApi) -> None:
    answer = api.block(user_id="user-unknown")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "subject_not_found")


def test_the_same_block_again_is_already_there_and_changes_nothing(api: InternalApi, user: StoredUser) -> None:
    api.block(email=user.email)
    before = api.get("/user-blocks", email=user.email).json()

    answer = api.block(email=user.email, reason_code="another", actor={"type": "system"})

    assert (answer.status_code, answer.json()["outcome"]) == (200, "already_blocked")
    assert answer.json()["affected_device_session_ids"] == []
    assert api.get("/user-blocks", email=user.email).json() == before


def test_another_expiry_replaces_the_one_that_stands(world: World, api: InternalApi, user: StoredUser) -> None:
    api.block(email=user.email)
    for expires_at in (in_(world, timedelta(hours=1)), in_(world, timedelta(minutes=5))):
        assert api.block(email=user.email, expires_at=expires_at).json()["outcome"] == "already_blocked"
        assert api.get("/user-blocks", email=user.email).json()["blocks"][0]["expires_at"] == expires_at
    assert api.block(email=user.email).json()["outcome"] == "already_blocked"
    assert "expires_at" not in api.get("/user-blocks", email=user.email).json()["blocks"][0]


def test_an_active_session_of_a_blocked_subject_is_revoked_by_the_repeat(
    world: World, api: InternalApi, user: StoredUser
) -> None:
    """There can be none; if there is, a repeat mends it and says so."""
    api.block(email=user.email)
    stray = active(world, user)

    answer = api.block(email=user.email).json()

    assert (answer["outcome"], answer["affected_device_session_ids"]) == ("already_blocked", [stray])
    assert status(api, stray) == "revoked"


@pytest.mark.parametrize("by", [timedelta(seconds=-1), timedelta(days=-400)])
def test_an_expiry_that_has_passed_is_refused_and_blocks_nothing(
    world: World, api: InternalApi, user: StoredUser, by: timedelta
) -> None:
    session_id = active(world, user)

    answer = api.block(email=user.email, expires_at=in_(world, by))

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert "expires_at" in answer.json()["error"]["message"]
    assert status(api, session_id) == "active"
    assert api.get("/user-blocks", email=user.email).json() == {"blocks": []}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "pilot@example.com", "user_id": "user-1"},
        {"email": "no address"},
        {"email": "pilot@example.com", "expires_at": "tomorrow"},
        {"email": "pilot@example.com", "reason_code": "No!"},
        {"email": "pilot@example.com", "actor": {"type": ""}},
        {"email": None},
    ],
)
def test_a_malformed_block_is_refused_and_not_even_audited(
    world: World, api: InternalApi, body: dict[str, object]
) -> None:
    before = world.database.execute("select count(*) from audit_events")[0][0]
    answer = api.block(**body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert world.database.execute("select count(*) from audit_events")[0][0] == before


@pytest.mark.parametrize("kind", ["email", "user_id"])
def test_unblocking_ends_a_block_and_revives_nothing(
    world: World, api: InternalApi, user: StoredUser, kind: str
) -> None:
    subject = {"email": user.email} if kind == "email" else {"user_id": user.user_id}
    session_id = active(world, user)
    api.block(**subject)

    first, second = api.unblock(**subject), api.unblock(**subject)

    assert list(first.json().items()) == [
        ("outcome", "unblocked"),
        ("subject_kind", kind),
        ("subject_value", subject[kind]),
    ]
    assert second.json()["outcome"] == "not_blocked"
    assert status(api, session_id) == "revoked"
    assert api.get("/user-blocks", **subject).json() == {"blocks": []}


@pytest.mark.parametrize("subject", [{"email": "never-seen@example.com"}, {"user_id": "user-unknown"}])
def test_unblocking_somebody_unknown_finds_no_block(api: InternalApi, subject: dict[str, str]) -> None:
    answer = api.unblock(**subject)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "not_blocked")


def test_the_block_of_a_user_and_of_their_address_are_two_blocks(api: InternalApi, user: StoredUser) -> None:
    assert api.block(email=user.email).json()["outcome"] == "blocked"
    assert api.block(user_id=user.user_id).json()["outcome"] == "blocked"
    assert api.unblock(email=user.email).json()["outcome"] == "unblocked"
    assert len(api.get("/user-blocks", user_id=user.user_id).json()["blocks"]) == 1


def test_a_block_is_looked_up_whatever_the_case_of_the_address(api: InternalApi, user: StoredUser) -> None:
    api.block(email=user.email, **SEED_CAUSE)

    [block] = api.get("/user-blocks", email=user.email.upper()).json()["blocks"]

    assert list(block) == ["subject_kind", "subject_value", "reason_code", "actor", "created_at"]
    assert (block["subject_kind"], block["subject_value"]) == ("email", user.email)
    assert (block["reason_code"], block["actor"]) == ("policy_blocked", {"type": "admin", "id": "admin-1"})


def test_pages_of_blocks_together_are_the_whole_list(world: World, api: InternalApi) -> None:
    users = [store_user(world.database) for _ in range(7)]
    for user in users:
        api.block(user_id=user.user_id)
    whole = [block["subject_value"] for block in api.get("/user-blocks").json()["blocks"]]

    pages = [api.get("/user-blocks", limit=3).json()]
    while "next_cursor" in pages[-1]:
        pages.append(api.get("/user-blocks", limit=3, cursor=pages[-1]["next_cursor"]).json())

    assert whole[:7] == [user.user_id for user in reversed(users)]
    assert [block["subject_value"] for page in pages for block in page["blocks"]] == whole


def test_an_expired_block_is_no_block(world: World, api: InternalApi, user: StoredUser) -> None:
    """Not listed, not removed as one, and replaced by a new one. Last of the module: time stays where it went."""
    expires_at = in_(world, timedelta(minutes=10))
    api.block(email=user.email, expires_at=expires_at)
    api.block(user_id=user.user_id, expires_at=expires_at)
    world.travel(timedelta(minutes=11))
    session_id = active(world, user)

    assert api.get("/user-blocks", email=user.email).json() == {"blocks": []}
    assert user.user_id not in [block["subject_value"] for block in api.get("/user-blocks").json()["blocks"]]
    assert api.unblock(user_id=user.user_id).json()["outcome"] == "not_blocked"
    again = api.block(email=user.email, **SEED_CAUSE).json()
    assert (again["outcome"], again["affected_device_session_ids"]) == ("blocked", [session_id])
    [block] = api.get("/user-blocks", email=user.email).json()["blocks"]
    assert block["reason_code"] == "policy_blocked"
    assert "expires_at" not in block
