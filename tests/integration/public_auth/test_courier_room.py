"""Several mails on their way at once: a slow one stops no other, and their number has a bound (SPEC §7.2)."""

from datetime import timedelta

import trio

from services.public_auth.mail.courier import BACKOFF
from services.public_auth.mail.transport import Delivered, DeliveryOutcome, Letter, Undelivered
from tests.support.builders import email_address
from tests.support.post import FakeTransport, Gate, Post, answering, one_step
from tests.support.public_flow import PublicFlow


def test_one_hanging_mail_does_not_stop_those_queued_with_it_nor_those_queued_later(
    post: Post, flow: PublicFlow
) -> None:
    challenges = [flow.send(email_address()) for _ in range(10)]
    transport = Gate()

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(post.courier(transport).run)
            await post.until_settled(9)
            challenges.append(await flow.sending(email_address()))
            await post.until_settled(10)
            transport.open.set()
            nursery.cancel_scope.cancel()

    post.world.call(run)

    assert {flow.state(one) for one in challenges} == {"sent"}
    assert post.settlements[-1].delivery.challenge_id == transport.letters[0].idempotency_key


def test_no_more_mails_are_on_their_way_than_there_is_room_and_room_is_used_again_at_once(
    post: Post, flow: PublicFlow
) -> None:
    challenges = [flow.send(email_address()) for _ in range(30)]
    at_once: list[int] = [0]

    async def carry(letter: Letter) -> DeliveryOutcome:
        at_once.append(at_once[-1] + 1)
        await trio.sleep(0.02)
        at_once.append(at_once[-1] - 1)
        return Delivered()

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(post.courier(FakeTransport(carry), concurrency=4).run)
            with trio.fail_after(5):  # were room found only when idle, this would take seven seconds
                await post.until_settled(len(challenges))
            nursery.cancel_scope.cancel()

    post.world.call(run)

    assert max(at_once) == 4
    assert {flow.state(one) for one in challenges} == {"sent"}


def test_a_courier_that_is_behind_does_not_linger(post: Post, flow: PublicFlow) -> None:
    challenges = [flow.send(email_address()) for _ in range(40)]
    courier = post.courier(answering(Delivered()), concurrency=4, linger=timedelta(seconds=1))

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(courier.run)
            with trio.fail_after(5):  # a second for each four of them would be ten
                await post.until_settled(len(challenges))
            nursery.cancel_scope.cancel()

    post.world.call(run)


def test_mails_that_come_back_take_at_most_half_of_the_room_and_new_ones_come_first(
    post: Post, flow: PublicFlow
) -> None:
    """Otherwise a few addresses with slow mail would shut out every login."""
    for _ in range(10):
        flow.send(email_address())
    assert post.step(answering(Undelivered("timeout"))) == 10
    post.world.travel(BACKOFF.cap)
    new = flow.send(email_address())
    transport = FakeTransport()

    assert post.world.call(one_step, post.courier(transport, concurrency=4)) == 3

    assert new in {letter.idempotency_key for letter in transport.letters}
