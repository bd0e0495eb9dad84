"""The courier empties the mail queue (SPEC §7.2): claims mails under a lease, sends concurrently, settles in batches.

A mail occupies only its own slot, so no mail waits for another. A failed or slow mail shows in the queue and in
metrics, never in the API.
"""

import logging
from collections.abc import Awaitable, Callable, Hashable
from datetime import timedelta
from functools import partial
from math import inf
from typing import TypeAlias

import trio

from services.public_auth.mail.addressee import Examined, anyone
from services.public_auth.mail.metrics import record_try
from services.public_auth.mail.pace import Pace
from services.public_auth.mail.transport import (
    MALFORMED_ANSWER,
    CodeTransport,
    Delivered,
    DeliveryOutcome,
    Letter,
    Suppressed,
    Undelivered,
)
from services.public_auth.store.deliveries import (
    ClaimedDelivery,
    ClaimLimits,
    Settlement,
    is_claim_good,
    settle_and_claim,
    settle_deliveries,
)
from shared.io.postgres import Postgres
from shared.kernel.entropy import Entropy
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import Unsealable, unseal
from shared.lifecycle.backoff import Backoff, jittered
from shared.lifecycle.supervision import Signal, supervise, weather
from shared.telemetry import tracing

LEASE_MARGIN = timedelta(seconds=30)
"""A lease exceeds the transport's timeout by this: the time to ask Postgres before a mail and to settle after it."""
FRESH = timedelta(seconds=1)
"""A claim that is older is checked again before the mail is sent."""
BACKOFF = Backoff(first=timedelta(seconds=1), cap=timedelta(seconds=60))
BACKOFF_IF_MAYBE_SENT = Backoff(first=timedelta(seconds=20), cap=BACKOFF.cap)
"""The backoff after an answer outside the contract: the letter may have been sent, and each retry may double it."""

_log = logging.getLogger("authsession.mail.courier")

FarEnd: TypeAlias = Callable[[], Awaitable[Hashable | None]]
"""Names the present far end of the transport; None: there is none, so mails wait. Raises `DependencyUnavailable`."""


async def always_the_same() -> Hashable:
    """The far end of a transport whose settings never change."""
    return ""


class Courier:
    """A process has one courier; any number of processes may run. `on_settled` gets each result after its commit."""

    def __init__(
        self,
        postgres: Postgres,
        transport: CodeTransport,
        *,
        sealing_keys: KeyRing,
        entropy: Entropy,
        concurrency: int,
        linger: timedelta,
        on_settled: Callable[[Settlement], None],
        examined: Examined = anyone,
    ) -> None:
        """`concurrency` is the largest number of mails on their way.

        A step waits for `linger`, so that a batch forms, and for twice as long after another step. It does not wait
        while mails wait for room.
        """
        self.wake = Signal()
        """Notify it when a mail was queued."""
        self.lease = transport.timeout + LEASE_MARGIN
        """A claim keeps other couriers away for this time. Then another courier sends the mail of a dead one."""
        self.far_end: FarEnd = always_the_same
        """Set it before the first step, if the far end of the transport changes."""
        self._postgres = postgres
        self._transport = transport
        self._examined = examined
        self._sealing_keys = sealing_keys
        self._entropy = entropy
        self._concurrency = concurrency
        self._linger = linger.total_seconds()
        self._far_end: Hashable | None = None
        self._pace = Pace()
        self._on_settled = on_settled
        self._on_their_way: list[ClaimedDelivery] = []
        self._finished: list[Settlement] = []
        self._stepped_at = -inf
        self._is_behind = False
        """The last step claimed all it could, and more than half of the slots at once: more mails are waiting."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Empties the queue until it is cancelled. Mails that are on their way are still sent and settled.

        A killed courier loses no mail: unsettled mails are claimed again after their lease. Only then may a mail be
        sent twice.
        """
        try:
            async with trio.open_nursery() as carrying:
                step = partial(self.step, carrying)
                await carrying.start(partial(
                    supervise, step, name="courier", idle=timedelta(seconds=1), wake=self.wake, batch=self._concurrency,
                    entropy=self._entropy,
                ))  # fmt: skip
                task_status.started()
        finally:
            with trio.CancelScope(shield=True):
                await self._settle_last()

    async def step(self, carrying: trio.Nursery) -> int:
        """Settles finished mails and claims new ones, in one unit of work. Returns the number of claimed mails.

        Tasks of `carrying` send them; a cancellation does not interrupt these tasks.
        """
        if not self._is_behind:
            await trio.sleep_until(max(trio.current_time() + self._linger, self._stepped_at + 2 * self._linger))
        self._stepped_at = trio.current_time()
        await self._look_at_far_end()
        settlements, limits = self._finished.copy(), self._limits()
        if not settlements and limits.deliveries == 0:
            return 0
        asked_at = trio.current_time()
        claimed = await self._postgres.unit_of_work(settle_and_claim, settlements, limits, self.lease)
        self._on_their_way += claimed
        for delivery in claimed:
            carrying.start_soon(self._carry, delivery, asked_at)
        self._report(settlements)
        self._is_behind = len(claimed) == limits.deliveries > self._concurrency // 2
        return len(claimed)

    async def settle(self) -> None:
        """Writes the results of the finished mails."""
        settlements = self._finished.copy()
        if settlements:
            await self._postgres.unit_of_work(settle_deliveries, settlements)
            self._report(settlements)

    async def _settle_last(self) -> None:
        with weather("courier"):
            await self.settle()
        if self._finished:
            _log.warning("mails not settled: they may be sent twice", extra={"count": len(self._finished)})

    def _report(self, settlements: list[Settlement]) -> None:
        """Reports committed settlements. A repeat of their unit of work before this would change nothing."""
        del self._finished[: len(settlements)]
        for settlement in settlements:
            self._on_settled(settlement)

    async def _look_at_far_end(self) -> None:
        """A new far end has the pace of a new one: the old one's faults say nothing about it."""
        far_end = await self.far_end()
        if far_end is not None and far_end != self._far_end:
            self._pace = Pace()
        self._far_end = far_end

    def _limits(self) -> ClaimLimits:
        """Retried mails get at most half of the slots, so that slow ones never keep out new ones."""
        if self._far_end is None:
            return ClaimLimits(deliveries=0, tried_before=0)
        tried_before = sum(delivery.was_tried for delivery in self._on_their_way)
        return ClaimLimits(
            deliveries=self._pace.room(self._concurrency - len(self._on_their_way), len(self._on_their_way)),
            tried_before=max(0, self._concurrency // 2 - tried_before),
        )

    async def _carry(self, delivery: ClaimedDelivery, claimed_at: float) -> None:
        with trio.CancelScope(shield=True):
            with tracing.mail(str(delivery.delivery_id)) as span:
                settlement = await self._carried_or_put_off(delivery, claimed_at)
                is_fault = settlement.state in ("queued", "failed")
                tracing.tell_outcome(span, settlement.state, settlement.reason, is_fault=is_fault)
            record_try(trio.current_time() - claimed_at)
            self._on_their_way.remove(delivery)
            self._finished.append(settlement)
            self.wake.notify()

    async def _carried_or_put_off(self, delivery: ClaimedDelivery, claimed_at: float) -> Settlement:
        try:
            return await self._carried(delivery, claimed_at)
        except DependencyUnavailable:
            return self._put_off(delivery, "unchecked")
        except Exception:  # noqa: BLE001 - a bug that one mail meets must not stop the others
            _log.exception("mail failed by a fault of ours")
            return self._put_off(delivery, "fault")

    async def _carried(self, delivery: ClaimedDelivery, claimed_at: float) -> Settlement:
        """Sends one mail. The slow question about its addressee comes before `_may_be_sent`, which must be fresh."""
        if _remaining_life(delivery, claimed_at) <= timedelta(0):
            return Settlement(delivery, "abandoned", "code_ended")
        if delivery.domain_refused:
            return Settlement(delivery, "suppressed", "email_domain")
        refusal = await self._examined(delivery.email, may_sign_up=delivery.may_sign_up)
        if refusal is not None:
            return Settlement(delivery, "suppressed", refusal)
        if not await self._may_be_sent(delivery, claimed_at):
            return Settlement(delivery, "abandoned", "code_ended")
        code = self._unsealed(delivery)
        if code is None:
            return Settlement(delivery, "failed", "unsealable")
        letter = Letter(
            delivery_id=delivery.delivery_id,
            email=delivery.email,
            code=code,
            locale=delivery.locale,
            idempotency_key=delivery.challenge_id,
            queued_at=delivery.queued_at,
            valid_for=_remaining_life(delivery, claimed_at),
            mail_change_id=delivery.mail_change_id,
        )
        outcome = await self._transport.deliver(letter, min(self._transport.timeout, letter.valid_for))
        self._pace.note(delivery.delivery_id, outcome)
        return self._settlement(delivery, outcome)

    async def _may_be_sent(self, delivery: ClaimedDelivery, claimed_at: float) -> bool:
        """Whether the code lives and the claim is still ours. The answer is at most `FRESH` old."""
        if _remaining_life(delivery, claimed_at) <= timedelta(0):
            return False
        if trio.current_time() - claimed_at <= FRESH.total_seconds():
            return True
        return await self._postgres.unit_of_work(is_claim_good, claimed=delivery)

    def _unsealed(self, delivery: ClaimedDelivery) -> str | None:
        if delivery.seal_key_id is None or delivery.sealed_code is None:
            return None
        try:
            code = unseal(self._sealing_keys, delivery.seal_key_id, delivery.sealed_code, delivery.login_code_id.bytes)
        except Unsealable:
            return None
        return code.decode("ascii")

    def _settlement(self, delivery: ClaimedDelivery, outcome: DeliveryOutcome) -> Settlement:
        match outcome:
            case Delivered():
                return Settlement(delivery, "sent")
            case Suppressed():
                return Settlement(delivery, "suppressed", "mail_service")
            case Undelivered(reason, permanent=True):
                return Settlement(delivery, "failed", reason)
            case Undelivered(reason):
                return self._put_off(delivery, reason)

    def _put_off(self, delivery: ClaimedDelivery, reason: str) -> Settlement:
        backoff = BACKOFF_IF_MAYBE_SENT if reason == MALFORMED_ANSWER else BACKOFF
        wait = jittered(backoff.wait(delivery.attempts - 1), self._entropy)
        return Settlement(delivery, "queued", reason, wait)


def _remaining_life(delivery: ClaimedDelivery, claimed_at: float) -> timedelta:
    """The remaining life of the code. It counts from before the claim, so it is never too long."""
    return delivery.code_lives_for - timedelta(seconds=trio.current_time() - claimed_at)
