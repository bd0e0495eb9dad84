"""A login from a new network queues one notice, in its own transaction, and nothing else does (SPEC §20.3)."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.public_auth.domain.confirm import ConfirmRefusal, CountWrongCode
from services.public_auth.store.confirm_challenge import SessionMade, SessionRepeated
from shared.kernel.sealing import unseal
from tests.support.builders import client_public_key, email_address
from tests.support.public_flow import HOME, SEALING_KEYS, PublicFlow, race
from tests.support.world import World

AWAY, FAR = "198.51.100.7", "203.0.113.9"


@pytest.fixture
def flow(world: World) -> PublicFlow:
    return PublicFlow(world, notices=True)


def log_in(flow: PublicFlow, email: str, network: str = HOME, label: str | None = None) -> SessionMade:
    challenge_id = flow.send(email, network)
    made = flow.confirm(challenge_id, flow.code(challenge_id), network=network, label=label)
    assert isinstance(made, SessionMade)
    return made


def letters(world: World, email: str) -> list[Any]:
    return world.database.execute("select * from letters where email = $1 order by queued_at, letter_id", email)


@contextmanager
def setting(world: World, name: str, value: object) -> Generator[None]:
    [(before,)] = world.database.execute(f"select {name} from settings")
    world.database.execute(f"update settings set {name} = $1", value)
    try:
        yield
    finally:
        world.database.execute(f"update settings set {name} = $1", before)


def test_the_second_login_from_another_network_queues_one_notice_about_its_session(
    flow: PublicFlow, world: World
) -> None:
    email = email_address()
    log_in(flow, email)
    log_in(flow, email)
    assert letters(world, email) == []

    made = log_in(flow, email, AWAY, label="Firefox on Linux")

    assert made.is_noticed
    (letter,) = letters(world, email)
    assert (letter["kind"], letter["state"], letter["locale"], letter["time_zone"]) == ("notice", "queued", "en", "UTC")
    assert (letter["device_session_id"], letter["label"]) == (made.session.device_session_id, "Firefox on Linux")
    token = unseal(SEALING_KEYS, letter["seal_key_id"], letter["sealed_token"], letter["letter_id"].bytes)
    (notice,) = world.database.execute(
        "select * from session_notices where device_session_id = $1", made.session.device_session_id
    )
    assert (notice["token_hash"], notice["used_at"]) == (hashlib.sha256(token).digest(), None)
    assert len(token) == 43

    log_in(flow, email, AWAY)
    assert len(letters(world, email)) == 1


def test_a_repeat_of_a_login_queues_no_other_notice(flow: PublicFlow, world: World) -> None:
    email, key = email_address(), client_public_key()
    log_in(flow, email)
    challenge_id = flow.send(email, AWAY)
    code = flow.code(challenge_id)
    assert isinstance(flow.confirm(challenge_id, code, key, AWAY), SessionMade)
    assert isinstance(flow.confirm(challenge_id, code, key, FAR), SessionRepeated)
    assert len(letters(world, email)) == 1


def test_failed_withheld_and_blocked_logins_queue_no_notice(flow: PublicFlow, world: World) -> None:
    email = email_address()
    log_in(flow, email)
    challenge_id = flow.send(email, AWAY)
    assert isinstance(
        flow.confirm(challenge_id, flow.wrong_code(challenge_id), network=AWAY), CountWrongCode | ConfirmRefusal
    )
    world.database.execute(
        "insert into blocks (email_id, reason_code, actor_type, created_at)"
        " select email_id, 'x', 'system', clock_now() from emails where folded = $1",
        email,
    )
    assert flow.confirm(challenge_id, flow.code(challenge_id), network=AWAY) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert letters(world, email) == []


def test_the_setting_decides(flow: PublicFlow, world: World) -> None:
    email = email_address()
    with setting(world, "new_device_notice", "off"):
        log_in(flow, email)
        log_in(flow, email, AWAY)
        assert letters(world, email) == []
    with setting(world, "new_device_notice", "every_login"):
        log_in(flow, email)
        assert len(letters(world, email)) == 1
        fresh = email_address()
        log_in(flow, fresh)
        assert letters(world, fresh) == []


def test_a_network_of_long_ago_is_new_again(flow: PublicFlow, world: World) -> None:
    email = email_address()
    log_in(flow, email)
    world.database.execute(
        "update known_networks set confirmed_at = clock_now() - interval '91 days'"
        " where email_id = (select email_id from emails where folded = $1)",
        email,
    )
    log_in(flow, email)
    assert len(letters(world, email)) == 1


def test_a_mailbox_gets_five_notices_a_day_and_login_mails_do_not_count(flow: PublicFlow, world: World) -> None:
    email = email_address()
    with setting(world, "new_device_notice", "every_login"):
        for _ in range(8):
            log_in(flow, email)
        assert len(letters(world, email)) == 5
        world.database.execute("update letters set queued_at = queued_at - interval '24 hours' where email = $1", email)
        log_in(flow, email)
        assert len(letters(world, email)) == 6
    assert flow.decisions == ["new_code"] * 9


def test_a_session_in_place_of_the_oldest_is_told_too(flow: PublicFlow, world: World) -> None:
    email = email_address()
    with setting(world, "session_limit", 1), setting(world, "session_limit_policy", "revoke_oldest"):
        log_in(flow, email)
        made = log_in(flow, email, AWAY)
        assert len(made.changes) == 2
    assert len(letters(world, email)) == 1


def test_notices_of_a_batch_are_those_of_its_new_networks(flow: PublicFlow, world: World) -> None:
    """Each confirm is judged by its own network, whatever its place."""
    emails = [email_address() for _ in range(12)]
    for email in emails:
        log_in(flow, email)
    confirms: list[Callable[[], Awaitable[object]]] = []
    for place, email in enumerate(emails):
        challenge_id = flow.send(email, HOME)
        network = AWAY if place % 3 == 0 else HOME
        confirms.append(flow.confirming(challenge_id, flow.code(challenge_id), None, network))
    made = world.call(race, *confirms)
    assert all(isinstance(each, SessionMade) for each in made)
    assert [len(letters(world, email)) for email in emails] == [1, 0, 0] * 4


def test_the_public_role_gives_itself_no_right_over_an_older_session(flow: PublicFlow, world: World) -> None:
    session_id = log_in(flow, email_address()).session.device_session_id
    sql = (
        "insert into authsession.session_notices (notice_id, device_session_id, token_hash, created_at)"
        " values (gen_random_uuid(), $1, $2, authsession.clock_now())"
    )

    async def insert() -> None:
        connection = await asyncpg.connect(world.database.public_dsn)
        try:
            await connection.execute(sql, session_id, bytes(32))
        finally:
            await connection.close()

    world.database.travel(timedelta(minutes=2))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            asyncio.run(insert())
    finally:
        world.database.travel(timedelta(minutes=-2))
    asyncio.run(insert())
