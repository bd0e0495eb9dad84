"""The look-up of users, and the development mailbox (SPEC §4.1, §7.1), on real Postgres."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from shared.kernel.entropy import SystemEntropy
from shared.kernel.sealing import seal
from tests.support.builders import StoredUser, email_address, store_user, unique
from tests.support.internal_api import InternalApi
from tests.support.public_flow import SEALING_KEYS
from tests.support.world import World


def store_mail(world: World, user: StoredUser, code: str, *, state: str = "sent", age: timedelta = timedelta()) -> str:
    """A mailed code, written by the owner; the id of its challenge."""
    login_code_id, challenge_id = uuid4(), unique("challenge-")
    key_id, sealed = seal(SEALING_KEYS, code.encode(), login_code_id.bytes, SystemEntropy())
    store_code(world, user, login_code_id, key_id, sealed, age)
    world.database.execute(
        """
        insert into challenges (challenge_id, email_id, email, login_code_id, network_tag, preferred_language, state,
                                created_at, expires_at)
        values ($1, $2, $3, $4, decode(repeat('00', 16), 'hex'), 'en', 'sent',
                clock_now(), clock_now() + interval '10 min')
        """,
        challenge_id, user.email_id, user.email, login_code_id,
    )  # fmt: skip
    world.database.execute(
        """
        insert into mail_deliveries (delivery_id, challenge_id, login_code_id, email_id, email, locale, network_tag,
                                     to_new_address, state, queued_at, next_attempt_at, finished_at)
        values (gen_random_uuid(), $1, $2, $3, $4, 'fr', decode(repeat('00', 16), 'hex'), true, $5,
                clock_now() - $6::interval, clock_now(), case when $5 <> 'queued' then clock_now() - $6::interval end)
        """,
        challenge_id, login_code_id, user.email_id, user.email, state, age,
    )  # fmt: skip
    return challenge_id


def store_code(world: World, user: StoredUser, login_code_id: UUID, key_id: str, sealed: bytes, age: timedelta) -> None:
    world.database.execute(
        """
        insert into login_codes (login_code_id, email_id, email, key_id, salt, mac, sealed_code, seal_key_id,
                                 created_at, expires_at)
        values ($1, $2, $3, 'k', decode(repeat('00', 16), 'hex'), decode(repeat('00', 32), 'hex'), $4, $5,
                clock_now() - $6::interval, clock_now() - $6::interval + interval '10 min')
        """,
        login_code_id, user.email_id, user.email, sealed, key_id, age,
    )  # fmt: skip


@pytest.fixture
def user(world: World) -> StoredUser:
    return store_user(world.database)


def codes(api: InternalApi, email: str) -> list[str]:
    return [message["code"] for message in api.get("/dev/mailbox", email=email).json()["messages"]]


def test_a_user_is_found_by_their_address(api: InternalApi, user: StoredUser) -> None:
    shown = api.get("/users", email=user.email).json()["user"]
    assert list(shown) == ["user_id", "email", "created_at", "preferred_language", "time_zone"]
    assert (shown["user_id"], shown["email"]) == (user.user_id, user.email)
    assert shown["preferred_language"] == "en"
    assert shown["time_zone"] == "Etc/UTC"


def test_a_user_is_found_by_any_spelling_of_their_address(api: InternalApi, user: StoredUser) -> None:
    for spelling in (user.email.upper(), user.email.title()):
        shown = api.get("/users", email=spelling).json()["user"]
        assert (shown["user_id"], shown["email"]) == (user.user_id, user.email)


def test_of_two_users_from_before_the_older_is_found_by_either_spelling(world: World, api: InternalApi) -> None:
    older = store_user(world.database)
    younger = store_user(world.database, email=older.email.upper())
    for email in (older.email, younger.email):
        assert api.get("/users", email=email).json()["user"]["user_id"] == older.user_id


def test_an_address_of_nobody_is_not_found(api: InternalApi) -> None:
    answer = api.get("/users", email=email_address())
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "subject_not_found")


@pytest.mark.parametrize("path", ["/users", "/dev/mailbox"])
@pytest.mark.parametrize("query", [{"email": ""}, {"email": "nobody"}, {"email": "a@example.com", "more": "1"}])
def test_a_malformed_look_up_is_refused(api: InternalApi, path: str, query: dict[str, str]) -> None:
    answer = api.get(path, **query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_the_mailbox_shows_a_mail_as_it_was_sent(world: World, api: InternalApi, user: StoredUser) -> None:
    challenge_id = store_mail(world, user, "012345")

    [message] = api.get("/dev/mailbox", email=user.email).json()["messages"]

    assert list(message) == ["email", "code", "locale", "challenge_id", "sent_at"]
    assert (message["email"], message["code"], message["locale"]) == (user.email, "012345", "fr")
    assert message["challenge_id"] == challenge_id


def test_the_newest_mail_comes_first(world: World, api: InternalApi, user: StoredUser) -> None:
    store_mail(world, user, "000001", age=timedelta(minutes=2))
    store_mail(world, user, "000003")
    store_mail(world, user, "000002", age=timedelta(minutes=1))
    assert codes(api, user.email) == ["000003", "000002", "000001"]


@pytest.mark.parametrize("state", ["queued", "failed", "abandoned"])
def test_an_unsent_mail_is_not_in_the_mailbox(world: World, api: InternalApi, user: StoredUser, state: str) -> None:
    store_mail(world, user, "012345", state=state)
    assert codes(api, user.email) == []


def test_a_mail_is_gone_when_its_code_expires(world: World, api: InternalApi, user: StoredUser) -> None:
    store_mail(world, user, "012345", age=timedelta(minutes=10))
    assert codes(api, user.email) == []


def test_a_mail_is_gone_when_its_code_ends(world: World, api: InternalApi, user: StoredUser) -> None:
    store_mail(world, user, "012345")
    world.database.execute(
        "update login_codes set ended_at = clock_now(), sealed_code = null, seal_key_id = null where email_id = $1",
        user.email_id,
    )
    assert codes(api, user.email) == []


def test_a_mailbox_opens_in_any_case_of_the_letters(world: World, api: InternalApi, user: StoredUser) -> None:
    store_mail(world, user, "012345")
    assert codes(api, user.email.upper()) == ["012345"]


def test_nobody_elses_mail_is_in_a_mailbox(world: World, api: InternalApi, user: StoredUser) -> None:
    store_mail(world, store_user(world.database), "012345")
    assert codes(api, user.email) == []
