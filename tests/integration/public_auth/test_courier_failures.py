"""Failed mails: which of them are tried again, when, and at what cost to the address (SPEC §3.5, §7.2)."""

from datetime import timedelta

import pytest
import trio

from services.public_auth.domain.budget import Budget, Budgets
from services.public_auth.mail.courier import BACKOFF, BACKOFF_IF_MAYBE_SENT
from services.public_auth.mail.pace import MAILS_BEFORE_PAUSE
from services.public_auth.mail.transport import (
    MALFORMED_ANSWER,
    Delivered,
    DeliveryOutcome,
    Letter,
    Suppressed,
    Undelivered,
)
from services.public_auth.store.issue_challenge import IssuePolicy
from shared.io.postgres import P, T, Unit
from shared.kernel.faults import DependencyUnavailable
from tests.support.builders import email_address
from tests.support.post import CODE_LIFE, LEASE, FakeTransport, Post, answering
from tests.support.public_flow import PublicFlow
from tests.support.world import World


def test_a_failing_transport_is_tried_again_ever_later_and_never_after_the_code_ended(
    post: Post, flow: PublicFlow
) -> None:
    challenge_id = flow.send(email_address())
    transport = answering(Undelivered("unreachable"))
    waits: list[timedelta] = []
    for _ in range(8):
        assert post.step(transport) == 1
        (row,) = post.world.database.execute(
            "select next_attempt_at - clock_now() as wait from mail_deliveries where challenge_id = $1", challenge_id
        )
        waits.append(row["wait"])
        assert post.step(transport) == 0
        post.world.travel(BACKOFF.cap)

    slack = timedelta(seconds=2)
    for attempt, wait in enumerate(waits):
        longest = min(timedelta(seconds=2**attempt), BACKOFF.cap)
        assert longest / 2 - slack <= wait <= longest
    post.world.travel(CODE_LIFE - 8 * BACKOFF.cap)
    assert post.step(transport) == 1
    assert len(transport.letters) == 8
    assert (post.queued(challenge_id)["state"], post.settled[-1]) == ("abandoned", "code_ended")


def test_a_mail_that_may_have_been_sent_waits_long_before_it_is_tried_again(post: Post, flow: PublicFlow) -> None:
    challenge_id = flow.send(email_address())
    assert post.step(answering(Undelivered(MALFORMED_ANSWER))) == 1
    (row,) = post.world.database.execute(
        "select next_attempt_at - clock_now() as wait from mail_deliveries where challenge_id = $1", challenge_id
    )
    assert BACKOFF_IF_MAYBE_SENT.first / 2 - timedelta(seconds=2) <= row["wait"] <= BACKOFF_IF_MAYBE_SENT.first


def test_a_service_that_answers_nonsense_is_asked_seldom_and_mails_flow_once_it_does_not(
    post: Post, flow: PublicFlow
) -> None:
    """The queue has thirty mails and three slots. There are three tries, a pause, and then one try at a time."""
    for _ in range(30):
        flow.send(email_address())
    is_sound = False

    async def carry(letter: Letter) -> DeliveryOutcome:
        return Delivered() if is_sound else Undelivered(MALFORMED_ANSWER)

    transport = FakeTransport(carry)
    courier = post.courier(transport, concurrency=MAILS_BEFORE_PAUSE)

    async def run() -> None:
        nonlocal is_sound
        async with trio.open_nursery() as nursery:
            await nursery.start(courier.run)
            await post.until_settled(MAILS_BEFORE_PAUSE)
            await trio.sleep(0.5)
            assert len(transport.letters) == MAILS_BEFORE_PAUSE
            is_sound = True
            await post.until_settled(30)
            nursery.cancel_scope.cancel()

    post.world.call(run)
    assert sorted(post.settled) == ["malformed_answer"] * MAILS_BEFORE_PAUSE + ["sent"] * (30 - MAILS_BEFORE_PAUSE)


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


def test_a_mail_that_meets_an_internal_fault_is_postponed_and_the_others_are_sent(
    post: Post, flow: PublicFlow, caplog: pytest.LogCaptureFixture
) -> None:
    poisonous, *others = (flow.send(email_address()) for _ in range(5))

    async def carry(letter: Letter) -> DeliveryOutcome:
        if letter.idempotency_key == poisonous:
            raise ZeroDivisionError
        return Delivered()

    assert post.step(FakeTransport(carry)) == 5

    assert {flow.state(one) for one in others} == {"sent"}
    assert (post.queued(poisonous)["state"], post.queued(poisonous)["reason"]) == ("queued", "fault")
    assert [record.message for record in caplog.records] == ["mail failed by a fault of ours"]


class DownWhile:
    """The public role's Postgres, unavailable while `is_down`."""

    def __init__(self, world: World) -> None:
        self.is_down = False
        self._world = world

    async def unit_of_work(self, function: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.is_down:
            raise DependencyUnavailable("postgres")
        return await self._world.public.unit_of_work(function, *args, **kwargs)


def test_a_mail_sent_while_postgres_was_away_is_settled_when_it_is_back_and_not_sent_again(
    post: Post, flow: PublicFlow
) -> None:
    challenge_id = flow.send(email_address())
    postgres = DownWhile(post.world)

    async def carry(letter: Letter) -> DeliveryOutcome:
        postgres.is_down = True
        return Delivered()

    transport = FakeTransport(carry)
    courier = post.courier(transport, postgres=postgres)

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(courier.run)
            while not postgres.is_down:
                await trio.sleep(0.01)
            await trio.sleep(0.3)
            assert post.settled == []
            postgres.is_down = False
            await post.until_settled(1)
            nursery.cancel_scope.cancel()

    post.world.call(run)

    assert (len(transport.letters), flow.state(challenge_id)) == (1, "sent")
