"""A courier sends each mail once, with its code, and none after its code ended, on real Postgres (SPEC §7.2)."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from services.public_auth.mail import courier as courier_module
from services.public_auth.store.confirm_challenge import SessionMade
from shared.io.postgres import P, T, Unit
from tests.support.builders import email_address
from tests.support.post import CODE_LIFE, CONCURRENCY, FakeTransport, Post, one_step
from tests.support.public_flow import PublicFlow, race
from tests.support.world import World


def test_each_queued_mail_is_delivered_once_with_its_code_to_its_address(post: Post, flow: PublicFlow) -> None:
    emails = [email_address() for _ in range(5)]
    challenges = {flow.send(email): email for email in emails}
    expected = {(email, flow.code(one), "en", one) for one, email in challenges.items()}
    transport = FakeTransport()

    assert [post.step(transport) for _ in range(2)] == [5, 0]

    assert len(transport.letters) == 5
    assert {(one.email, one.code, one.locale, one.idempotency_key) for one in transport.letters} == expected
    assert {flow.state(one) for one in challenges} == {"sent"}
    assert post.settled == ["sent"] * 5


def test_a_challenge_without_a_mail_never_reaches_a_transport(post: Post, flow: PublicFlow) -> None:
    email = email_address()
    for _ in range(3):
        flow.send(email)
    transport = FakeTransport()

    assert post.step(transport) == 1
    assert flow.decisions == ["new_code", "shared_unmailed", "shared_unmailed"]


def test_two_couriers_side_by_side_never_send_one_mail_twice(post: Post, flow: PublicFlow) -> None:
    challenges = [flow.send(email_address()) for _ in range(2 * CONCURRENCY + 20)]
    transport = FakeTransport()
    couriers = [post.courier(transport) for _ in range(4)]

    while sum(post.world.call(race, *[partial(one_step, courier) for courier in couriers])):
        pass

    assert Counter(letter.idempotency_key for letter in transport.letters) == dict.fromkeys(challenges, 1)


def test_no_mail_is_sent_after_the_login_it_was_for(post: Post, flow: PublicFlow) -> None:
    challenge_id = flow.send(email_address())
    assert isinstance(flow.confirm(challenge_id, flow.code(challenge_id)), SessionMade)
    transport = FakeTransport()

    assert post.step(transport) == 1
    assert transport.letters == []
    assert post.queued(challenge_id)["state"] == "abandoned"


class AfterClaim:
    """The public role's units of work. `event` happens once, after the first unit."""

    def __init__(self, world: World, event: Callable[[], Awaitable[Any]]) -> None:
        self._world = world
        self._events = [event]

    async def unit_of_work(self, function: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result = await self._world.public.unit_of_work(function, *args, **kwargs)
        if self._events:
            await self._events.pop()()
        return result


def test_a_claim_that_has_aged_is_looked_at_again_right_before_the_mail_is_sent(
    post: Post, flow: PublicFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login may have happened in the meantime, through another mail of the same code."""
    monkeypatch.setattr(courier_module, "FRESH", timedelta(0))
    confirmed = flow.send(email_address())
    confirm = flow.confirming(confirmed, flow.code(confirmed))
    transport = FakeTransport()

    assert post.world.call(one_step, post.courier(transport, postgres=AfterClaim(post.world, confirm))) == 1
    assert (transport.letters, post.queued(confirmed)["state"]) == ([], "abandoned")

    waiting = flow.send(email_address())
    assert post.step(transport) == 1
    assert [letter.idempotency_key for letter in transport.letters] == [waiting]


def test_a_try_ends_with_its_code_if_that_comes_first(post: Post, flow: PublicFlow) -> None:
    flow.send(email_address())
    post.world.travel(CODE_LIFE - timedelta(seconds=10))
    transport = FakeTransport()

    assert post.step(transport) == 1

    assert timedelta(0) < transport.timeouts[0] == transport.letters[0].valid_for <= timedelta(seconds=10)


def test_a_code_that_cannot_be_unsealed_fails_alone(post: Post, flow: PublicFlow) -> None:
    damaged, whole = flow.send(email_address()), flow.send(email_address())
    post.world.database.execute(
        """
        update login_codes set sealed_code = overlay(sealed_code placing '\\x00000000'::bytea from 20)
          from challenges where challenges.login_code_id = login_codes.login_code_id and challenge_id = $1
        """,
        damaged,
    )
    transport = FakeTransport()

    assert post.step(transport) == 2
    assert [letter.idempotency_key for letter in transport.letters] == [whole]
    assert (post.queued(damaged)["state"], post.queued(damaged)["reason"]) == ("failed", "unsealable")


def test_a_sealed_code_moved_to_another_row_is_not_mailed(post: Post, flow: PublicFlow) -> None:
    """Otherwise a person with write access to the database could have one address's code mailed to another."""
    mine, theirs = flow.send(email_address()), flow.send(email_address())
    post.world.database.execute(
        """
        update login_codes set sealed_code = (select sealed_code from login_codes join challenges using (login_code_id)
                                               where challenge_id = $1)
          from challenges where challenges.login_code_id = login_codes.login_code_id and challenge_id = $2
        """,
        theirs,
        mine,
    )
    transport = FakeTransport()

    assert post.step(transport) == 2
    assert [letter.idempotency_key for letter in transport.letters] == [theirs]
