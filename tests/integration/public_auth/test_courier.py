"""The courier on real Postgres; the far side of its port is a fake that notes what it was given (SPEC §7.2)."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import trio

from services.public_auth.domain.budget import Budget, Budgets
from services.public_auth.mail import courier as courier_module
from services.public_auth.mail.courier import LEASE_MARGIN, LONGEST_BACKOFF, Courier
from services.public_auth.mail.eraser import Eraser
from services.public_auth.mail.transport import Delivered, DeliveryOutcome, Letter, Suppressed, Undelivered
from services.public_auth.store.confirm_challenge import SessionMade
from services.public_auth.store.deliveries import (
    ClaimLimits,
    QueueState,
    Settlement,
    claim_deliveries,
    erase_ended_codes,
    read_queue_state,
)
from services.public_auth.store.issue_challenge import IssuePolicy
from shared.io.postgres import Body
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import DependencyUnavailable
from tests.support.builders import email_address
from tests.support.public_flow import SEALING_KEYS, PublicFlow, race
from tests.support.world import World

CODE_LIFE = timedelta(minutes=10)
CONCURRENCY = 50
TIMEOUT = timedelta(seconds=20)
LEASE = TIMEOUT + LEASE_MARGIN
Carry = Callable[[Letter], Awaitable[DeliveryOutcome]]


async def carried(letter: Letter) -> DeliveryOutcome:
    await trio.sleep(0.005)
    return Delivered()


class FakeTransport:
    """Notes each letter, then does what `carry` does."""

    def __init__(self, carry: Carry = carried, timeout: timedelta = TIMEOUT) -> None:
        self.timeout = timeout
        self.letters: list[Letter] = []
        self.timeouts: list[timedelta] = []
        self._carry = carry

    async def deliver(self, letter: Letter, timeout: timedelta) -> DeliveryOutcome:
        self.letters.append(letter)
        self.timeouts.append(timeout)
        with trio.move_on_after(timeout.total_seconds()):
            return await self._carry(letter)
        return Undelivered("timeout")


class Gate(FakeTransport):
    """Holds the first letter that it is given until `open` is set; the others pass."""

    def __init__(self) -> None:
        super().__init__(self._hold_first)
        self.reached, self.open = trio.Event(), trio.Event()

    async def _hold_first(self, letter: Letter) -> DeliveryOutcome:
        if letter is self.letters[0]:
            self.reached.set()
            await self.open.wait()
        return Delivered()


def answering(outcome: DeliveryOutcome) -> FakeTransport:
    async def carry(letter: Letter) -> DeliveryOutcome:
        return outcome

    return FakeTransport(carry)


class Post:
    """Couriers of one world, and what the queue holds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.settlements: list[Settlement] = []

    @property
    def settled(self) -> list[str]:
        return [settlement.reason or settlement.state for settlement in self.settlements]

    def courier(self, transport: FakeTransport, concurrency: int = CONCURRENCY, postgres: Any = None) -> Courier:
        return Courier(
            postgres or self.world.public,
            transport,
            sealing_keys=SEALING_KEYS,
            entropy=SystemEntropy(),
            concurrency=concurrency,
            linger=timedelta(0),
            on_settled=self.settlements.append,
        )

    def step(self, transport: FakeTransport) -> int:
        """How many mails one step claimed; all of them are carried and settled."""
        return self.world.call(one_step, self.courier(transport))

    def queued(self, challenge_id: str) -> Any:
        (row,) = self.world.database.execute("select * from mail_deliveries where challenge_id = $1", challenge_id)
        return row


async def one_step(courier: Courier) -> int:
    async with trio.open_nursery() as carrying:
        claimed = await courier.step(carrying)
    await courier.settle()
    return claimed


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
    challenges = [flow.send(email_address()) for _ in range(2 * CONCURRENCY + 20)]
    transport = FakeTransport()
    couriers = [post.courier(transport) for _ in range(4)]

    while sum(post.world.call(race, *[partial(one_step, courier) for courier in couriers])):
        pass

    assert Counter(letter.idempotency_key for letter in transport.letters) == dict.fromkeys(challenges, 1)


def test_a_mail_that_a_dead_courier_claimed_is_sent_by_another_after_its_lease(post: Post, flow: PublicFlow) -> None:
    """What kill -9 leaves behind: a claim without a settlement."""
    challenge_id = flow.send(email_address())
    claimed = post.world.call(
        post.world.public.unit_of_work,
        partial(claim_deliveries, limits=ClaimLimits(CONCURRENCY, CONCURRENCY), lease=LEASE),
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
        async with trio.open_nursery() as nursery:
            await nursery.start(post.courier(transport).run)
            await transport.reached.wait()
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                later = await flow.sending(email_address())
                await trio.sleep(0.1)
                transport.open.set()
        return later

    later = post.world.call(stopped_on_the_way)

    assert [letter.idempotency_key for letter in transport.letters] == [challenge_id]
    assert (flow.state(challenge_id), post.queued(later)["attempts"]) == ("sent", 0)
    assert post.settled == ["sent"]


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


def test_one_hanging_mail_does_not_stop_those_queued_with_it_nor_those_queued_later(
    post: Post, flow: PublicFlow
) -> None:
    challenges = [flow.send(email_address()) for _ in range(10)]
    transport = Gate()

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(post.courier(transport).run)
            await _until_settled(post, 9)
            challenges.append(await flow.sending(email_address()))
            await _until_settled(post, 10)
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
                await _until_settled(post, len(challenges))
            nursery.cancel_scope.cancel()

    post.world.call(run)

    assert max(at_once) == 4
    assert {flow.state(one) for one in challenges} == {"sent"}


def test_mails_that_come_back_take_at_most_half_of_the_room_and_new_ones_come_first(
    post: Post, flow: PublicFlow
) -> None:
    """Else a few addresses whose mail is slow would shut out everybody's login."""
    for _ in range(10):
        flow.send(email_address())
    assert post.step(answering(Undelivered("timeout"))) == 10
    post.world.travel(LONGEST_BACKOFF)
    new = flow.send(email_address())
    transport = FakeTransport()

    assert post.world.call(one_step, post.courier(transport, concurrency=4)) == 3

    assert new in {letter.idempotency_key for letter in transport.letters}


def test_a_try_ends_with_its_code_if_that_comes_first(post: Post, flow: PublicFlow) -> None:
    flow.send(email_address())
    post.world.travel(CODE_LIFE - timedelta(seconds=10))
    transport = FakeTransport()

    assert post.step(transport) == 1

    assert timedelta(0) < transport.timeouts[0] == transport.letters[0].valid_for <= timedelta(seconds=10)


class AfterClaim:
    """The public role's units of work; `event` happens once, after the first."""

    def __init__(self, world: World, event: Callable[[], Awaitable[Any]]) -> None:
        self._world = world
        self._events = [event]

    async def unit_of_work(self, body: Body[Any]) -> Any:
        result = await self._world.public.unit_of_work(body)
        if self._events:
            await self._events.pop()()
        return result


def test_a_claim_that_has_aged_is_looked_at_again_right_before_the_mail_is_sent(
    post: Post, flow: PublicFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login may have happened meanwhile, through another mail of the same code."""
    monkeypatch.setattr(courier_module, "FRESH", timedelta(0))
    confirmed = flow.send(email_address())
    confirm = flow.confirming(confirmed, flow.code(confirmed))
    transport = FakeTransport()

    assert post.world.call(one_step, post.courier(transport, postgres=AfterClaim(post.world, confirm))) == 1
    assert (transport.letters, post.queued(confirmed)["state"]) == ([], "abandoned")

    waiting = flow.send(email_address())
    assert post.step(transport) == 1
    assert [letter.idempotency_key for letter in transport.letters] == [waiting]


def test_a_mail_that_trips_over_a_fault_of_ours_is_put_off_and_the_others_go_on(
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
    assert [record.message for record in caplog.records] == ["a mail could not be carried"]


class DownWhile:
    """The public role's Postgres, unavailable while `is_down`."""

    def __init__(self, world: World) -> None:
        self.is_down = False
        self._world = world

    async def unit_of_work(self, body: Body[Any]) -> Any:
        if self.is_down:
            raise DependencyUnavailable("postgres")
        return await self._world.public.unit_of_work(body)


def test_what_was_sent_while_postgres_was_away_is_settled_when_it_is_back_and_not_sent_again(
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
            await _until_settled(post, 1)
            nursery.cancel_scope.cancel()

    post.world.call(run)

    assert (len(transport.letters), flow.state(challenge_id)) == (1, "sent")


def test_mails_whose_code_ended_while_they_waited_are_abandoned_in_bulk(post: Post, flow: PublicFlow) -> None:
    """After a long outage they must not stand before those that can still be used."""
    ended = [flow.send(email_address()) for _ in range(3)]
    assert post.step(answering(Undelivered("unreachable"))) == 3
    post.world.travel(CODE_LIFE)
    alive = flow.send(email_address())

    post.world.call(Eraser(post.world.public).step)

    assert {(post.queued(one)["state"], post.queued(one)["reason"]) for one in ended} == {("abandoned", "code_ended")}
    assert post.queued(alive)["state"] == "queued"


def test_a_mail_on_its_way_is_nobody_elses_to_abandon(post: Post, flow: PublicFlow) -> None:
    challenge_id = flow.send(email_address())
    post.world.call(
        post.world.public.unit_of_work,
        partial(claim_deliveries, limits=ClaimLimits(1, 1), lease=CODE_LIFE * 2),
    )
    post.world.travel(CODE_LIFE)

    post.world.call(Eraser(post.world.public).step)

    assert post.queued(challenge_id)["state"] == "queued"


def test_the_queue_is_as_deep_as_its_unfinished_mails_and_as_old_as_the_oldest(post: Post, flow: PublicFlow) -> None:
    def look() -> QueueState:
        return post.world.call(post.world.public.unit_of_work, read_queue_state)

    assert look() == QueueState(0, timedelta(0))
    flow.send(email_address())
    post.world.travel(timedelta(minutes=1))
    flow.send(email_address())

    state = look()
    assert state.depth == 2
    assert timedelta(minutes=1) <= state.oldest_age < timedelta(minutes=2)
    post.step(FakeTransport())
    assert look().depth == 0


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


@pytest.mark.parametrize("seconds", [1, 60])
def test_a_lease_outlives_the_try_whatever_the_transports_timeout(post: Post, seconds: int) -> None:
    """Else two couriers would carry one mail."""
    timeout = timedelta(seconds=seconds)
    assert post.courier(FakeTransport(timeout=timeout)).lease >= timeout + timedelta(seconds=30)


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


async def _until_settled(post: Post, count: int) -> None:
    while len(post.settlements) < count:
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
