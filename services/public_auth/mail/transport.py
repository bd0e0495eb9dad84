"""The port to whatever carries mail. Transports know nothing of challenges, queues or Postgres."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

MALFORMED_ANSWER: Final = "malformed_answer"
"""The reason of a try that the far side answered outside its contract. It may have sent the letter."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A login code on its way. However often it is tried, only `valid_for` changes.

    `delivery_id` and `idempotency_key` name the delivery; the second is known to the client alone, the first may be
    shown. `queued_at` is when the letter was asked for. `valid_for` is how long the code still lives.
    """

    delivery_id: UUID
    email: str = field(repr=False)
    code: str = field(repr=False)
    locale: str
    idempotency_key: str = field(repr=False)
    queued_at: datetime
    valid_for: timedelta


@dataclass(frozen=True, slots=True)
class Delivered:
    """The transport took responsibility for the letter."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The mail service decided not to send; not a failure, not tried again."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """It did not work. `permanent` ones are not tried again; `reason` is one word of ours, never a server's text."""

    reason: str
    permanent: bool = False


DeliveryOutcome = Delivered | Suppressed | Undelivered


class MailTransport(Protocol):
    """Carries letters, several at a time. Never raises for a mail that cannot be delivered."""

    @property
    def timeout(self) -> timedelta:
        """How long one `deliver` may take at most."""
        ...

    async def deliver(self, letter: Letter, timeout: timedelta) -> DeliveryOutcome:
        """Try once, within `timeout`, after which nothing is sent any more.

        At-least-once: a letter may be tried again with the same key after any outcome was lost.
        """
        ...
