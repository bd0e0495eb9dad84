"""The courier empties the mail queue (SPEC §7.2): claims under a lease, delivers side by side, settles in one batch.

A failed or slow mail shows in the queue and in metrics, never in the API.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import trio

from services.public_auth.mail.transport import (
    Delivered,
    DeliveryOutcome,
    Letter,
    MailTransport,
    Suppressed,
    Undelivered,
)
from services.public_auth.store.deliveries import ClaimedDelivery, Settlement, claim_deliveries, settle_deliveries
from shared.io.postgres import Postgres
from shared.kernel.entropy import Entropy
from shared.keyring import KeyRing
from shared.sealing import Unsealable, unseal

BATCH = 50
LEASE = timedelta(seconds=60)
"""Longer than any transport's timeout: a courier that dies gives its mails back after this."""
FIRST_BACKOFF = timedelta(seconds=1)
LONGEST_BACKOFF = timedelta(seconds=60)


class Courier:
    """One per process; any number may run. `on_settled` is told each outcome as one word."""

    def __init__(
        self,
        postgres: Postgres,
        transport: MailTransport,
        *,
        sealing_keys: KeyRing,
        entropy: Entropy,
        linger: timedelta,
        on_settled: Callable[[str], None],
    ) -> None:
        """`linger` is how long a step waits before it claims, so that a batch forms."""
        if transport.timeout >= LEASE:
            raise ValueError("a lease must outlive the transport's timeout, or two couriers would send one mail")
        self._postgres = postgres
        self._transport = transport
        self._sealing_keys = sealing_keys
        self._entropy = entropy
        self._linger = linger.total_seconds()
        self._on_settled = on_settled

    async def step(self) -> int:
        """Claim, deliver and settle one batch; returns how many mails it held.

        Cancelled or killed at any point, it loses nothing: what was not settled is claimed again after its lease, and
        only then may a mail be sent twice.
        """
        await trio.sleep(self._linger)
        claimed = await self._postgres.unit_of_work(partial(claim_deliveries, limit=BATCH, lease=LEASE))
        if claimed:
            settlements = await self._deliver_all(claimed)
            await self._postgres.unit_of_work(partial(settle_deliveries, settlements=settlements))
            for settlement in settlements:
                self._on_settled(settlement.reason or settlement.state)
        return len(claimed)

    async def _deliver_all(self, claimed: list[ClaimedDelivery]) -> list[Settlement]:
        settlements: list[Settlement] = []

        async def deliver(delivery: ClaimedDelivery) -> None:
            settlements.append(await self._deliver(delivery))

        async with trio.open_nursery() as nursery:
            for delivery in claimed:
                nursery.start_soon(deliver, delivery)
        return settlements

    async def _deliver(self, delivery: ClaimedDelivery) -> Settlement:
        if not delivery.code_lives or delivery.sealed_code is None or delivery.seal_key_id is None:
            return Settlement(delivery, "abandoned", "code_ended")
        aad = delivery.login_code_id.bytes
        try:
            code = unseal(self._sealing_keys, delivery.seal_key_id, delivery.sealed_code, aad).decode("ascii")
        except Unsealable:
            return Settlement(delivery, "failed", "unsealable")
        outcome = await self._try_once(Letter(delivery.email, code, delivery.locale, delivery.challenge_id))
        return self._settlement(delivery, outcome)

    async def _try_once(self, letter: Letter) -> DeliveryOutcome:
        with trio.move_on_after(self._transport.timeout.total_seconds()):
            return await self._transport.deliver(letter)
        return Undelivered("timeout")

    def _settlement(self, delivery: ClaimedDelivery, outcome: DeliveryOutcome) -> Settlement:
        match outcome:
            case Delivered():
                return Settlement(delivery, "sent")
            case Suppressed():
                return Settlement(delivery, "suppressed", "mail_service")
            case Undelivered(reason, permanent=True):
                return Settlement(delivery, "failed", reason)
            case Undelivered(reason):
                return Settlement(delivery, "queued", reason, self._backoff(delivery.attempts))

    def _backoff(self, attempts: int) -> timedelta:
        """Doubles with each attempt, up to a minute, less up to half of it at random so that mails spread out."""
        longest = min(FIRST_BACKOFF * 2 ** min(attempts - 1, 10), LONGEST_BACKOFF)
        return longest * (1 - self._entropy.token_bytes(1)[0] / 512)
