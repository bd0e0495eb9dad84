"""Letters without a code leave once, lose their token, and are lost by no killed courier (SPEC §20.3)."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from services.public_auth.mail.letter_courier import CONCURRENCY
from services.public_auth.mail.transport import AnyLetter, Delivered, DeliveryOutcome, Invitation, Notice, Undelivered
from services.public_auth.store.confirm_challenge import SessionMade
from tests.support.builders import email_address
from tests.support.letters import HOST, FakePost, letter_courier
from tests.support.public_flow import HOME, PublicFlow, race
from tests.support.world import World

AWAY = "198.51.100.7"


@pytest.fixture
def flow(world: World) -> PublicFlow:
    return PublicFlow(world, notices=True)


@pytest.fixture(autouse=True)
def empty_queue(world: World) -> Iterator[None]:
    yield
    world.database.execute("delete from letters")


def notice(flow: PublicFlow, label: str | None = None) -> tuple[str, str]:
    """Queues a notice. Returns its address and the id of its session."""
    email = email_address()
    for network in (HOME, AWAY):
        challenge_id = flow.send(email, network)
        made = flow.confirm(challenge_id, flow.code(challenge_id), network=network, label=label)
        assert isinstance(made, SessionMade)
    return email, made.session.device_session_id


def queued(world: World, email: str) -> Any:
    (row,) = world.database.execute("select * from letters where email = $1", email)
    return row


def test_a_notice_leaves_with_its_link_and_then_nothing_holds_its_token(flow: PublicFlow, world: World) -> None:
    email, session_id = notice(flow, "Firefox on Linux")
    post = FakePost()
    courier = letter_courier(world, post)

    assert [world.call(courier.step), world.call(courier.step)] == [1, 0]

    (letter,) = post.letters
    assert isinstance(letter, Notice)
    assert (letter.email, letter.locale, letter.time_zone, letter.label) == (email, "en", "UTC", "Firefox on Linux")
    assert letter.link is not None
    page, _, token = letter.link.partition("#")
    assert page == f"https://{HOST}/not-me"
    row = queued(world, email)
    assert (row["state"], row["sealed_token"], row["seal_key_id"]) == ("sent", None, None)
    sql = "select device_session_id from session_notices where token_hash = $1"
    assert world.database.execute(sql, hashlib.sha256(token.encode()).digest()) == [(session_id,)]
    dump = str(world.database.execute("select letters, session_notices from letters, session_notices"))
    assert token not in dump
    assert token not in repr(letter)


def test_without_a_public_host_a_notice_has_no_link(flow: PublicFlow, world: World) -> None:
    notice(flow)
    post = FakePost()
    world.call(letter_courier(world, post, host=None).step)
    assert [letter.link for letter in post.letters if isinstance(letter, Notice)] == [None]


def test_an_invitation_leaves_too(world: World, flow: PublicFlow) -> None:
    email = email_address()
    flow.send(email)
    world.database.execute(
        "insert into letters (letter_id, kind, email_id, email, locale, queued_at, next_attempt_at, expires_at)"
        " select gen_random_uuid(), 'invitation', email_id, folded, 'de', clock_now(), clock_now(),"
        " clock_now() + interval '14 days' from emails where folded = $1",
        email,
    )
    post = FakePost()
    assert world.call(letter_courier(world, post).step) == 1
    (letter,) = post.letters
    assert isinstance(letter, Invitation)
    assert (letter.email, letter.locale) == (email, "de")


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (Undelivered("timeout"), "queued", "timeout"),
        (Undelivered("recipient_refused", permanent=True), "failed", "recipient_refused"),
    ],
)
def test_a_failed_try_is_put_off_or_final(
    flow: PublicFlow, world: World, outcome: DeliveryOutcome, state: str, reason: str
) -> None:
    email, _ = notice(flow)
    world.call(letter_courier(world, FakePost(outcome)).step)
    row = queued(world, email)
    assert (row["state"], row["reason"]) == (state, reason)
    assert (row["sealed_token"] is None) == (state == "failed")
    post = FakePost()
    assert world.call(letter_courier(world, post).step) == 0


def test_a_letter_past_its_end_and_one_to_a_blocked_domain_never_leave(flow: PublicFlow, world: World) -> None:
    late, _ = notice(flow)
    world.database.execute("update letters set expires_at = clock_now() where email = $1", late)
    blocked, _ = notice(flow)
    world.database.execute("update settings set blocked_email_domains = $1", [blocked.partition("@")[2]])
    post = FakePost()
    try:
        world.call(letter_courier(world, post).step)
    finally:
        world.database.execute("update settings set blocked_email_domains = '{}'")
    assert post.letters == []
    assert (queued(world, late)["state"], queued(world, blocked)["state"]) == ("abandoned", "suppressed")


class Killed(BaseException):
    """The courier's process dies."""


def test_a_courier_killed_between_claim_and_settlement_loses_no_letter(flow: PublicFlow, world: World) -> None:
    email, _ = notice(flow)

    class Dying(FakePost):
        async def deliver(self, letter: AnyLetter, timeout: Any) -> DeliveryOutcome:
            await super().deliver(letter, timeout)
            raise Killed

    dying, living = Dying(), FakePost()
    with pytest.raises(BaseExceptionGroup):
        world.call(letter_courier(world, dying).step)
    assert world.call(letter_courier(world, living).step) == 0  # the lease holds
    world.database.execute("update letters set next_attempt_at = clock_now() where email = $1", email)
    assert world.call(letter_courier(world, living).step) == 1
    assert dying.letters == living.letters  # the same letter, so that a mail program shows it once
    assert queued(world, email)["state"] == "sent"


def test_couriers_side_by_side_send_each_letter_once_and_two_at_a_time(flow: PublicFlow, world: World) -> None:
    emails = [notice(flow)[0] for _ in range(8)]

    class Slow(FakePost):
        now = most = 0

        async def deliver(self, letter: AnyLetter, timeout: Any) -> DeliveryOutcome:
            self.now += 1
            self.most = max(self.most, self.now)
            await trio.sleep(0.01)
            self.now -= 1
            await super().deliver(letter, timeout)
            return Delivered()

    posts = [Slow() for _ in range(3)]
    couriers = [letter_courier(world, post) for post in posts]
    while sum(world.call(race, *[courier.step for courier in couriers])):
        pass
    assert sorted(letter.email for post in posts for letter in post.letters) == sorted(emails)
    assert max(post.most for post in posts) == CONCURRENCY


def test_letters_never_count_against_login_mails(flow: PublicFlow, world: World) -> None:
    """Five notices and their sends leave the whole budget of an address."""
    email, _ = notice(flow)
    flow.decisions.clear()
    world.database.execute("update letters set queued_at = clock_now() where email = $1", email)
    before = world.database.execute("select count(*) from mail_deliveries")
    world.call(letter_courier(world, FakePost()).step)
    assert world.database.execute("select count(*) from mail_deliveries") == before
    flow.send(email)
    assert flow.decisions == ["new_code"]
