"""Slows down mails to a peer that answers outside its contract: one at a time, with a growing pause.

Such an answer may mean that the letter was sent, so each further try may double it. One mail alone slows nothing down,
because the peer may fail on a single address.
"""

import logging
from datetime import timedelta
from math import inf
from uuid import UUID

import trio

from services.public_auth.mail.transport import MALFORMED_ANSWER, DeliveryOutcome, Undelivered
from shared.lifecycle.backoff import Backoff

MAILS_BEFORE_PAUSE = 3
"""After this number of different mails without a sound answer, the fault is not about one address."""
PAUSE = Backoff(first=timedelta(seconds=2), cap=timedelta(seconds=60))

_log = logging.getLogger("authsession.mail.pace")


class Pace:
    """The pace of one courier. Any answer within the contract, even a refusal, ends the pause."""

    def __init__(self) -> None:
        self._malformed: set[UUID] = set()
        self._pauses = 0
        self._paused_until = -inf

    @property
    def is_slow(self) -> bool:
        """Whether mails are slowed down now."""
        return len(self._malformed) >= MAILS_BEFORE_PAUSE

    def room(self, free: int, on_their_way: int) -> int:
        """The number of mails that may be claimed now, of `free` slots."""
        if not self.is_slow:
            return free
        is_over = trio.current_time() >= self._paused_until
        return min(free, 1) if is_over and on_their_way == 0 else 0

    def note(self, delivery_id: UUID, outcome: DeliveryOutcome) -> None:
        """Takes the outcome of one try. A fault such as a timeout says nothing about the contract."""
        match outcome:
            case Undelivered(reason, permanent=False) if reason != MALFORMED_ANSWER:
                return
            case Undelivered(reason, permanent=False):
                self._note_malformed(delivery_id)
            case _:
                self._note_sound()

    def _note_malformed(self, delivery_id: UUID) -> None:
        if not self._malformed:
            _log.error("mail answered outside the contract: it may have been sent, and is retried much later")
        if len(self._malformed) < MAILS_BEFORE_PAUSE:
            self._malformed.add(delivery_id)
        if self.is_slow and trio.current_time() >= self._paused_until:
            pause = PAUSE.wait(self._pauses)
            _log.error("mails wait: no answer is within the contract", extra={"delay_ms": pause.seconds * 1000})
            self._pauses += 1
            self._paused_until = trio.current_time() + pause.total_seconds()

    def _note_sound(self) -> None:
        if self._malformed:
            _log.info("mail answered within the contract again")
        self._malformed.clear()
        self._pauses = 0
        self._paused_until = -inf
