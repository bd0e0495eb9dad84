"""A courier's claim is a lease, for couriers that die, stop or come too late (SPEC §7.2)."""

from datetime import timedelta
from typing import Any

import pytest
import trio

from services.public_auth.mail.transport import Delivered, DeliveryOutcome, Letter, Undelivered
from services.public_auth.store.deliveries import (
    ClaimLimits,
    claim_deliveries,
)
from tests.support.builders import email_address
from tests.support.post import CONCURRENCY, LEASE, FakeTransport, Gate, Post, one_step
from tests.support.public_flow import PublicFlow


def test_a_mail_that_a_dead_courier_claimed_is_sent_by_another_after_its_lease(post: Post, flow: PublicFlow) -> None:
    """A claim without a settlement, as kill -9 leaves it."""
    challenge_id = flow.send(email_address())
    claimed = post.world.call(
        post.world.public.unit_of_work,
        claim_deliveries,
        limits=ClaimLimits(CONCURRENCY, CONCURRENCY),
        lease=LEASE,
    )
    assert [one.challenge_id for one in claimed] == [challenge_id]
    transport = FakeTransport()

    post.world.travel(LEASE - timedelta(seconds=20))
    assert post.step(transport) == 0
    post.world.travel(timedelta(seconds=20))
    assert post.step(transport) == 1
    assert [letter.idempotency_key for letter in transport.letters] == [challenge_id]


def test_a_stopped_courier_still_sends_and_settles_what_is_on_its_way_and_claims_no_more(
    post: Post, flow: PublicFlow
) -> None:
    challenge_id = flow.send(email_address())
    transport = Gate()

    async def stopped_on_the_way() -> str:
        later = None
        async with trio.open_nursery() as nursery:
            await nursery.start(post.courier(transport).run)
            await transport.reached.wait()
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                later = await flow.sending(email_address())
                await trio.sleep(0.1)
                transport.open.set()
        assert later is not None
        return later

    later = post.world.call(stopped_on_the_way)

    assert [letter.idempotency_key for letter in transport.letters] == [challenge_id]
    assert (flow.state(challenge_id), post.queued(later)["attempts"]) == ("sent", 0)
    assert post.settled == ["sent"]


@pytest.mark.parametrize("seconds", [1, 60])
def test_a_lease_outlives_the_try_whatever_the_transports_timeout(post: Post, seconds: int) -> None:
    """Otherwise two couriers would carry one mail."""
    timeout = timedelta(seconds=seconds)
    assert post.courier(FakeTransport(timeout=timeout)).lease >= timeout + timedelta(seconds=30)


def test_a_courier_that_lost_its_lease_does_not_call_back_the_mail_another_one_carries(
    post: Post, flow: PublicFlow
) -> None:
    """A courier that was paused settles late. Its failure says nothing about the attempt that followed."""
    challenge_id = flow.send(email_address())
    late, carrying = trio.Event(), trio.Event()

    async def fail_late(letter: Letter) -> DeliveryOutcome:
        await late.wait()
        return Undelivered("unreachable")

    async def carry_on(letter: Letter) -> DeliveryOutcome:
        late.set()
        await carrying.wait()
        return Delivered()

    async def overlapping() -> tuple[timedelta, Any]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one_step, post.courier(FakeTransport(fail_late)))
            await _until_claimed(post, challenge_id, attempts=1)
            await trio.to_thread.run_sync(post.world.travel, LEASE)
            nursery.start_soon(one_step, post.courier(FakeTransport(carry_on)))
            await _until_claimed(post, challenge_id, attempts=2)
            await late.wait()
            await trio.sleep(0.3)  # the late one settles
            row = await _row(post, challenge_id)
            carrying.set()
        return row["wait"], await _row(post, challenge_id)

    wait, settled = post.world.call(overlapping)

    assert wait > LEASE - timedelta(seconds=10)
    assert settled["state"] == "sent"


async def _row(post: Post, challenge_id: str) -> Any:
    sql = "select *, next_attempt_at - clock_now() as wait from mail_deliveries where challenge_id = $1"
    return await post.world.owner.unit_of_work(lambda connection: connection.fetchrow(sql, challenge_id))


async def _until_claimed(post: Post, challenge_id: str, attempts: int) -> None:
    while (await _row(post, challenge_id))["attempts"] < attempts:
        await trio.sleep(0.01)
