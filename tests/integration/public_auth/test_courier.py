"""The courier on real Postgres; the far side of its port is a fake that notes what it was given (SPEC §7.2)."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import trio

from services.public_auth.domain.budget import Budget, Budgets
from services.public_auth.mail.courier import BATCH, LEASE, LONGEST_BACKOFF, Courier
from services.public_auth.mail.transport import Delivered, DeliveryOutcome, Letter, Suppressed, Undelivered
from services.public_auth.store.confirm_challenge import SessionMade
from services.public_auth.store.deliveries import claim_deliveries, erase_ended_codes
from services.public_auth.store.issue_challenge import IssuePolicy
from shared.kernel.entropy import SystemEntropy
from tests.support.builders import email_address
from tests.support.public_flow import SEALING_KEYS, PublicFlow, race
from tests.support.world import World

CODE_LIFE = timedelta(minutes=10)
Carry = Callable[[Letter], Awaitable[DeliveryOutcome]]


async def carried(letter: Letter) -> DeliveryOutcome:
    await trio.sleep(0.005)
    return Delivered()


class FakeTransport:
    """Notes each letter, then does what `carry` does."""

    def __init__(self, carry: Carry = carried, timeout: timedelta = timedelta(seconds=5)) -> None:
        self.timeout = timeout
        self.letters: list[Letter] = []
        self._carry = carry

    async def deliver(self, letter: Letter) -> DeliveryOutcome:
        self.letters.append(letter)
        return await self._carry(letter)


def answering(outcome: DeliveryOutcome) -> FakeTransport:
    async def carry(letter: Letter) -> DeliveryOutcome:
        return outcome

    return FakeTransport(carry)


class Post:
    """Couriers of one world, and what the queue holds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.settled: list[str] = []

    def courier(self, transport: FakeTransport) -> Courier:
        return Courier(
            self.world.public,
            transport,
            sealing_keys=SEALING_KEYS,
            entropy=SystemEntropy(),
            linger=timedelta(0),
            on_settled=self.settled.append,
        )

    def step(self, transport: FakeTransport) -> int:
        return self.world.call(self.courier(transport).step)

    def queued(self, challenge_id: str) -> Any:
        (row,) = self.world.database.execute("select * from mail_deliveries where challenge_id = $1", challenge_id)
        return row


@pytest.fixture
def post(world: World) -> Iterator[Post]:
    """The queue is the world's: what a test leaves in it is taken out."""
    yield Post(world)
    world.database.execute(
        "update mail_deliveries set state = 'abandoned', finished_at = clock_now() where state = $1", "queued"
    )


@pytest.fixture
def flow(world: World) -> PublicFlow:
    return PublicFlow(world)


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


def test_what_mails_nothing_never_reaches_a_transport(post: Post, flow: PublicFlow) -> None:
    email = email_address()
    for _ in range(3):
        flow.send(email)
    transport = FakeTransport()

    assert post.step(transport) == 1
    assert flow.decisions == ["new_code", "shared_unmailed", "shared_unmailed"]


def test_two_couriers_side_by_side_never_send_one_mail_twice(post: Post, flow: PublicFlow) -> None:
    challenges = [flow.send(email_address()) for _ in range(2 * BATCH + 20)]
    transport = FakeTransport()
    couriers = [post.courier(transport) for _ in range(4)]

    while sum(post.world.call(race, *[courier.step for courier in couriers])):
        pass

    assert Counter(letter.idempotency_key for letter in transport.letters) == dict.fromkeys(challenges, 1)


def test_a_mail_that_a_dead_courier_claimed_is_sent_by_another_after_its_lease(post: Post, flow: PublicFlow) -> None:
    """What kill -9 leaves behind: a claim without a settlement."""
    challenge_id = flow.send(email_address())
    claimed = post.world.call(post.world.public.unit_of_work, partial(claim_deliveries, limit=BATCH, lease=LEASE))
    assert [one.challenge_id for one in claimed] == [challenge_id]
    transport = FakeTransport()

    post.world.travel(LEASE - timedelta(seconds=20))
    assert post.step(transport) == 0
    post.world.travel(timedelta(seconds=20))
    assert post.step(transport) == 1
    assert [letter.idempotency_key for letter in transport.letters] == [challenge_id]


def test_a_courier_cancelled_while_it_delivers_loses_nothing(post: Post, flow: PublicFlow) -> None:
    challenge_id = flow.send(email_address())

    async def cancelled_on_the_way() -> None:
        with trio.CancelScope() as scope:

            async def carry(letter: Letter) -> DeliveryOutcome:
                scope.cancel()
                await trio.sleep_forever()
                raise AssertionError

            await post.courier(FakeTransport(carry)).step()

    post.world.call(cancelled_on_the_way)
    assert post.queued(challenge_id)["state"] == "queued"

    post.world.travel(LEASE)
    transport = FakeTransport()
    assert post.step(transport) == 1
    assert [letter.idempotency_key for letter in transport.letters] == [challenge_id]


def test_a_failing_transport_is_tried_again_ever_later_and_never_after_the_code_ended(
    post: Post, flow: PublicFlow
) -> None:
    challenge_id = flow.send(email_address())
    transport = answering(Undelivered("unreachable"))
    waits = []
    for _ in range(8):
        assert post.step(transport) == 1
        (row,) = post.world.database.execute(
            "select next_attempt_at - clock_now() as wait from mail_deliveries where challenge_id = $1", challenge_id
        )
        waits.append(row["wait"])
        assert post.step(transport) == 0
        post.world.travel(LONGEST_BACKOFF)

    slack = timedelta(seconds=2)
    for attempt, wait in enumerate(waits):
        longest = min(timedelta(seconds=2**attempt), LONGEST_BACKOFF)
        assert longest / 2 - slack <= wait <= longest
    post.world.travel(CODE_LIFE - 8 * LONGEST_BACKOFF)
    assert post.step(transport) == 1
    assert len(transport.letters) == 8
    assert (post.queued(challenge_id)["state"], post.settled[-1]) == ("abandoned", "code_ended")


def test_no_mail_is_sent_after_the_login_it_was_for(post: Post, flow: PublicFlow) -> None:
    challenge_id = flow.send(email_address())
    assert isinstance(flow.confirm(challenge_id, flow.code(challenge_id)), SessionMade)
    transport = FakeTransport()

    assert post.step(transport) == 1
    assert transport.letters == []
    assert post.queued(challenge_id)["state"] == "abandoned"


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (Undelivered("refused", permanent=True), "failed", "refused"),
        (Suppressed(), "suppressed", "mail_service"),
    ],
)
def test_a_mail_that_never_left_counts_against_no_budget_and_starts_no_cooldown(
    post: Post, world: World, outcome: DeliveryOutcome, state: str, reason: str
) -> None:
    one_mail = Budget(total=1, per_network=1, kept_for_known=0)
    policy = IssuePolicy(Budgets(mails_an_hour=one_mail, mails_a_day=one_mail), new_address_mail_limit=None)
    flow, email = PublicFlow(world, policy), email_address()
    for _ in range(3):
        challenge_id = flow.send(email)
        assert flow.decisions[-1] in ("new_code", "shared_mailed")
        post.step(answering(outcome))
        row = post.queued(challenge_id)
        assert (row["state"], row["reason"]) == (state, reason)

    flow.send(email)
    post.step(FakeTransport())
    flow.send(email)
    assert flow.decisions == ["new_code", *["shared_mailed"] * 3, "shared_unmailed"]


def test_a_refused_mail_is_not_tried_again(post: Post, flow: PublicFlow) -> None:
    flow.send(email_address())
    transport = answering(Undelivered("refused", permanent=True))
    post.step(transport)
    post.world.travel(LEASE)

    assert post.step(transport) == 0
    assert len(transport.letters) == 1


def test_one_hanging_mail_does_not_stop_the_others(post: Post, flow: PublicFlow) -> None:
    hanging, *others = (flow.send(email_address()) for _ in range(10))

    async def carry(letter: Letter) -> DeliveryOutcome:
        if letter.idempotency_key == hanging:
            await trio.sleep_forever()
        return Delivered()

    assert post.step(FakeTransport(carry, timeout=timedelta(seconds=0.2))) == 10

    assert {flow.state(one) for one in others} == {"sent"}
    assert (post.queued(hanging)["state"], post.queued(hanging)["reason"]) == ("queued", "timeout")


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
    """Else who can write the database could have a code of one address mailed to another."""
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


def test_a_sealed_code_is_erased_by_success_at_once_and_by_the_eraser_when_it_expired(
    post: Post, flow: PublicFlow
) -> None:
    confirmed, expired = flow.send(email_address()), flow.send(email_address())
    flow.confirm(confirmed, flow.code(confirmed))
    post.world.travel(CODE_LIFE)
    lives = flow.send(email_address())
    assert [_is_sealed(post, one) for one in (confirmed, expired, lives)] == [False, True, True]

    _erase_all(post)

    assert [_is_sealed(post, one) for one in (confirmed, expired, lives)] == [False, False, True]


def test_erasers_side_by_side_take_bounded_batches_and_erase_everything(post: Post, flow: PublicFlow) -> None:
    post.world.travel(CODE_LIFE)
    _erase_all(post)
    challenges = [flow.send(email_address()) for _ in range(20)]
    post.world.travel(CODE_LIFE)
    erase = partial(post.world.public.unit_of_work, partial(erase_ended_codes, limit=5))

    erased = post.world.call(race, *[erase] * 4)
    erased.append(_erase_all(post))

    assert max(erased[:4]) <= 5
    assert sum(erased) == 20
    assert not any(_is_sealed(post, one) for one in challenges)


def test_a_courier_whose_lease_would_end_before_its_transport_is_refused(post: Post) -> None:
    with pytest.raises(ValueError, match="lease"):
        post.courier(FakeTransport(timeout=LEASE))


def test_a_courier_that_lost_its_lease_does_not_call_back_the_mail_another_one_carries(
    post: Post, flow: PublicFlow
) -> None:
    """A courier that was paused settles late: its failure says nothing of the attempt that followed."""
    challenge_id = flow.send(email_address())
    late, carrying = trio.Event(), trio.Event()

    async def fail_late(letter: Letter) -> DeliveryOutcome:
        await late.wait()
        return Undelivered("unreachable")

    async def carry_on(letter: Letter) -> DeliveryOutcome:
        late.set()
        await carrying.wait()
        return Delivered()

    async def overlapping() -> tuple[int, Any]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(post.courier(FakeTransport(fail_late)).step)
            await _until_claimed(post, challenge_id, attempts=1)
            await trio.to_thread.run_sync(post.world.travel, LEASE)
            nursery.start_soon(post.courier(FakeTransport(carry_on)).step)
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


def _erase_all(post: Post) -> int:
    erased = 0
    while batch := post.world.call(post.world.public.unit_of_work, partial(erase_ended_codes, limit=100)):
        erased += batch
    return erased


def _is_sealed(post: Post, challenge_id: str) -> bool:
    (row,) = post.world.database.execute(
        """
        select sealed_code is not null or seal_key_id is not null as is_sealed
          from login_codes join challenges using (login_code_id) where challenge_id = $1
        """,
        challenge_id,
    )
    return row["is_sealed"]
