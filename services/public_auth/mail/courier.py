"""The courier empties the mail queue (SPEC §7.2): claims under a lease, carries side by side, settles in batches.

A mail holds nothing but its own slot: no mail waits for the end of another. A failed or slow one shows in the queue and
in metrics, never in the API.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from math import inf

import trio

from services.public_auth.mail.addressee import MayBeMailed, anyone
from services.public_auth.mail.metrics import record_try
from services.public_auth.mail.pace import Pace
from services.public_auth.mail.transport import (
    MALFORMED_ANSWER,
    Delivered,
    DeliveryOutcome,
    Letter,
    MailTransport,
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
"""What a lease is longer than the transport's timeout: time to ask Postgres before and to settle afterwards."""
FRESH = timedelta(seconds=1)
"""So old may a claim be without being looked at again before the mail is sent."""
BACKOFF = Backoff(first=timedelta(seconds=1), cap=timedelta(seconds=60))
BACKOFF_IF_MAYBE_SENT = Backoff(first=timedelta(seconds=20), cap=BACKOFF.cap)
"""After an answer outside the contract: the letter may be there already, and each try may double it."""

_log = logging.getLogger("authsession.mail.courier")


class Courier:
    """One per process; any number may run. `on_settled` is told what became of each try, once that is committed."""

    def __init__(
        self,
        postgres: Postgres,
        transport: MailTransport,
        *,
        sealing_keys: KeyRing,
        entropy: Entropy,
        concurrency: int,
        linger: timedelta,
        on_settled: Callable[[Settlement], None],
        may_be_mailed: MayBeMailed = anyone,
    ) -> None:
        """`concurrency`: mails on their way at once. `linger`: how long a step waits, so that a batch forms, and twice
        as long after another step; while mails wait for room it does not."""
        self.wake = Signal()
        """To be notified when a mail was queued."""
        self.lease = transport.timeout + LEASE_MARGIN
        """How long a claim keeps other couriers away: a mail whose courier died is sent by another one after this."""
        self._postgres = postgres
        self._transport = transport
        self._may_be_mailed = may_be_mailed
        self._sealing_keys = sealing_keys
        self._entropy = entropy
        self._concurrency = concurrency
        self._linger = linger.total_seconds()
        self._pace = Pace()
        self._on_settled = on_settled
        self._on_their_way: list[ClaimedDelivery] = []
        self._finished: list[Settlement] = []
        self._stepped_at = -inf
        self._is_behind = False
        """The last step filled its room, most of it all at once: more will be waiting."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Empty the queue until cancelled; mails that are on their way then are still sent and settled.

        Killed, it loses nothing: what was not settled is claimed again after its lease, and only then may a mail be
        sent twice.
        """
        try:
            async with trio.open_nursery() as carrying:
                step = partial(self.step, carrying)
                await carrying.start(partial(
                    supervise, step, name="courier", idle=timedelta(seconds=1), wake=self.wake, batch=self._concurrency
                ))  # fmt: skip
                task_status.started()
        finally:
            with trio.CancelScope(shield=True):
                await self._settle_last()

    async def step(self, carrying: trio.Nursery) -> int:
        """Settle what has finished and claim for what has room, in one unit; returns how many mails it claimed.

        What it claimed is carried by tasks of `carrying`, which no cancellation interrupts.
        """
        if not self._is_behind:
            await trio.sleep_until(max(trio.current_time() + self._linger, self._stepped_at + 2 * self._linger))
        self._stepped_at = trio.current_time()
        settlements, limits = self._finished.copy(), self._limits()
        if not settlements and limits.deliveries == 0:
            return 0
        asked_at = trio.current_time()
        claimed = await self._postgres.unit_of_work(
            partial(settle_and_claim, settlements=settlements, limits=limits, lease=self.lease)
        )
        self._on_their_way += claimed
        for delivery in claimed:
            carrying.start_soon(self._carry, delivery, asked_at)
        self._report(settlements)
        self._is_behind = len(claimed) == limits.deliveries > self._concurrency // 2
        return len(claimed)

    async def settle(self) -> None:
        """Write down what became of the mails that are no longer on their way."""
        settlements = self._finished.copy()
        if settlements:
            await self._postgres.unit_of_work(partial(settle_deliveries, settlements=settlements))
            self._report(settlements)

    async def _settle_last(self) -> None:
        with weather("courier"):
            await self.settle()
        if self._finished:
            _log.warning("mails stay unsettled, and may be sent twice", extra={"count": len(self._finished)})

    def _report(self, settlements: list[Settlement]) -> None:
        """They are committed. (Were the unit repeated before this, it would change nothing.)"""
        del self._finished[: len(settlements)]
        for settlement in settlements:
            self._on_settled(settlement)

    def _limits(self) -> ClaimLimits:
        """Mails tried before may take half of the room, so that slow ones, coming back, never shut out new ones."""
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
        except Exception:  # noqa: BLE001 - the last resort for one mail that trips over a fault of ours: the others go on
            _log.exception("a mail could not be carried")
            return self._put_off(delivery, "fault")

    async def _carried(self, delivery: ClaimedDelivery, claimed_at: float) -> Settlement:
        """The way of one mail. Its addressee is asked about first: what takes time comes before `_may_be_sent`."""
        if _remaining_life(delivery, claimed_at) <= timedelta(0):
            return Settlement(delivery, "abandoned", "code_ended")
        if delivery.domain_refused:
            return Settlement(delivery, "suppressed", "email_domain")
        if not await self._may_be_mailed(delivery.email):
            return Settlement(delivery, "suppressed", "user_service")
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
        )
        outcome = await self._transport.deliver(letter, min(self._transport.timeout, letter.valid_for))
        self._pace.note(delivery.delivery_id, outcome)
        return self._settlement(delivery, outcome)

    async def _may_be_sent(self, delivery: ClaimedDelivery, claimed_at: float) -> bool:
        """Whether the code lives and the claim is ours, as of `FRESH` ago at most."""
        if _remaining_life(delivery, claimed_at) <= timedelta(0):
            return False
        if trio.current_time() - claimed_at <= FRESH.total_seconds():
            return True
        return await self._postgres.unit_of_work(partial(is_claim_good, claimed=delivery))

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
    """Of the code. Counted from before the claim was asked for, so rather too short than too long."""
    return delivery.code_lives_for - timedelta(seconds=trio.current_time() - claimed_at)
