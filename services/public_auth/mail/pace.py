"""How fast mails go to a far side that answers outside its contract: one at a time, and ever more slowly.

Such an answer may mean that the letter was sent, so every further call may be a double in somebody's mailbox. One mail
alone slows nobody down: an address that the far side trips over must not stop the rest.
"""

import logging
from datetime import timedelta
from math import inf
from uuid import UUID

import trio

from services.public_auth.mail.transport import MALFORMED_ANSWER, DeliveryOutcome, Undelivered
from shared.lifecycle.backoff import Backoff

MAILS_BEFORE_PAUSE = 3
"""So many mails in a row, none of them answered within the contract, show that it is not about one address."""
PAUSE = Backoff(first=timedelta(seconds=2), cap=timedelta(seconds=60))

_log = logging.getLogger("authsession.mail.pace")


class Pace:
    """Of one courier. Any answer within the contract, a refusal too, ends the pause."""

    def __init__(self) -> None:
        self._malformed: set[UUID] = set()
        self._pauses = 0
        self._paused_until = -inf

    @property
    def is_slow(self) -> bool:
        """Whether the far side has lost our trust."""
        return len(self._malformed) >= MAILS_BEFORE_PAUSE

    def room(self, free: int, on_their_way: int) -> int:
        """How many mails may be claimed now, of `free` slots."""
        if not self.is_slow:
            return free
        is_over = trio.current_time() >= self._paused_until
        return min(free, 1) if is_over and on_their_way == 0 else 0

    def note(self, delivery_id: UUID, outcome: DeliveryOutcome) -> None:
        """What became of one try. Faults such as a timeout say nothing of the contract."""
        match outcome:
            case Undelivered(reason, permanent=False) if reason != MALFORMED_ANSWER:
                return
            case Undelivered(reason, permanent=False):
                self._note_malformed(delivery_id)
            case _:
                self._note_sound()

    def _note_malformed(self, delivery_id: UUID) -> None:
        if not self._malformed:
            _log.error("a mail was answered outside the contract: it may have been sent, and is tried again much later")
        if len(self._malformed) < MAILS_BEFORE_PAUSE:
            self._malformed.add(delivery_id)
        if self.is_slow and trio.current_time() >= self._paused_until:
            pause = PAUSE.wait(self._pauses)
            _log.error("mails wait: nothing is answered within the contract", extra={"delay_ms": pause.seconds * 1000})
            self._pauses += 1
            self._paused_until = trio.current_time() + pause.total_seconds()

    def _note_sound(self) -> None:
        if self._malformed:
            _log.info("mails are answered within the contract again")
        self._malformed.clear()
        self._pauses = 0
        self._paused_until = -inf
