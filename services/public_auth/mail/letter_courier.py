"""Sends the letters that carry no login code (SPEC §20.3, §20.4): notices of new devices, and invitations.

Their queue is apart from that of login codes, and at most two are on their way at once, so no login waits for them.
"""

import logging
from datetime import timedelta
from typing import Final

import trio

from contracts.notices import NOT_ME_PATH
from services.public_auth.mail.courier import LEASE_MARGIN, FarEnd, always_the_same
from services.public_auth.mail.metrics import count_letter
from services.public_auth.mail.pace import Pace
from services.public_auth.mail.transport import (
    Delivered,
    DeliveryOutcome,
    Invitation,
    MailTransport,
    Notice,
    Suppressed,
    Undelivered,
)
from services.public_auth.store.letters import ClaimedLetter, LetterSettlement, claim_letters, settle_letters
from shared.io.postgres import Postgres
from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import Unsealable, unseal
from shared.lifecycle.backoff import Backoff, jittered
from shared.lifecycle.supervision import Signal

CONCURRENCY: Final = 2
BACKOFF = Backoff(first=timedelta(seconds=20), cap=timedelta(minutes=10))

_log = logging.getLogger("authsession.mail.letter_courier")


class LetterCourier:
    """The step of a worker. Any number of processes may run it. A killed one loses no letter: its lease ends."""

    def __init__(
        self,
        postgres: Postgres,
        transport: MailTransport,
        *,
        sealing_keys: KeyRing,
        entropy: Entropy,
        public_host: str | None,
        is_mailbox: bool,
    ) -> None:
        """`is_mailbox` says that the transport sends nothing: the development mailbox then shows the tokens."""
        self.wake = Signal()
        """Notify it when a notice was queued."""
        self.lease = transport.timeout + LEASE_MARGIN
        self.far_end: FarEnd = always_the_same
        """Set it before the first step, if the far end of the transport changes."""
        self._postgres = postgres
        self._transport = transport
        self._sealing_keys = sealing_keys
        self._entropy = entropy
        self._public_host = public_host
        self._is_mailbox = is_mailbox
        self._pace = Pace()

    async def step(self) -> int:
        """Claims, sends and settles up to `CONCURRENCY` letters. Returns their number.

        Raises `DependencyUnavailable`; letters that were sent and not settled are sent again after their lease.
        """
        room = 0 if await self.far_end() is None else self._pace.room(CONCURRENCY, 0)
        if room == 0:
            return 0
        letters = await self._postgres.unit_of_work(claim_letters, room, self.lease)
        settlements: list[LetterSettlement] = []
        async with trio.open_nursery() as carrying:
            for letter in letters:
                carrying.start_soon(self._carry, letter, settlements)
        if settlements:
            await self._postgres.unit_of_work(settle_letters, settlements, is_kept=self._is_mailbox)
        for settled in settlements:
            count_letter(settled)
        return len(letters)

    async def _carry(self, letter: ClaimedLetter, settlements: list[LetterSettlement]) -> None:
        try:
            settlements.append(await self._carried(letter))
        except Exception:  # noqa: BLE001 - a bug that one letter meets must not stop the others
            _log.exception("letter failed by a fault of ours")
            settlements.append(self._put_off(letter, "fault"))

    async def _carried(self, letter: ClaimedLetter) -> LetterSettlement:
        if letter.lives_for <= timedelta(0):
            return LetterSettlement(letter, "abandoned", "expired")
        if letter.domain_refused:
            return LetterSettlement(letter, "suppressed", "email_domain")
        outcome = await self._transport.deliver(self._written(letter), self._transport.timeout)
        self._pace.note(letter.letter_id, outcome)
        return self._settlement(letter, outcome)

    def _written(self, letter: ClaimedLetter) -> Notice | Invitation:
        if letter.kind == "invitation":
            return Invitation(
                letter.letter_id, letter.email, letter.locale, letter.queued_at, mail_change_id=letter.mail_change_id
            )
        return Notice(
            delivery_id=letter.letter_id,
            email=letter.email,
            locale=letter.locale,
            queued_at=letter.queued_at,
            time_zone=letter.time_zone or "UTC",
            label=letter.label,
            link=self._link(letter),
            mail_change_id=letter.mail_change_id,
        )

    def _link(self, letter: ClaimedLetter) -> str | None:
        """The page with the token in its fragment, which no browser sends. None: the letter goes without a link."""
        if self._public_host is None or letter.seal_key_id is None or letter.sealed_token is None:
            return None
        try:
            token = unseal(self._sealing_keys, letter.seal_key_id, letter.sealed_token, letter.letter_id.bytes)
        except Unsealable:
            _log.error("a notice goes without its link: the key that sealed its token is gone")
            return None
        return f"https://{self._public_host}{NOT_ME_PATH}#{token.decode('ascii')}"

    def _settlement(self, letter: ClaimedLetter, outcome: DeliveryOutcome) -> LetterSettlement:
        match outcome:
            case Delivered():
                return LetterSettlement(letter, "sent")
            case Suppressed():
                return LetterSettlement(letter, "suppressed", "mail_service")
            case Undelivered(reason, permanent=True):
                return LetterSettlement(letter, "failed", reason)
            case Undelivered(reason):
                return self._put_off(letter, reason)

    def _put_off(self, letter: ClaimedLetter, reason: str) -> LetterSettlement:
        return LetterSettlement(letter, "queued", reason, jittered(BACKOFF.wait(letter.attempts - 1), self._entropy))
