"""The port to whatever carries mail. Transports know nothing of challenges, queues or Postgres."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Letter:
    """A login code on its way. `idempotency_key` stays the same however often the letter is tried."""

    email: str = field(repr=False)
    code: str = field(repr=False)
    locale: str
    idempotency_key: str = field(repr=False)


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

    timeout: timedelta
    """How long the courier lets one `deliver` take before it counts as undelivered."""

    async def deliver(self, letter: Letter) -> DeliveryOutcome:
        """Try once. At-least-once: a letter may be tried again with the same key after any outcome was lost."""
        ...
