"""The interface of mail transports. They know nothing of challenges, queues or Postgres."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeAlias
from uuid import UUID

MALFORMED_ANSWER: Final = "malformed_answer"
"""The reason of a try that the peer answered outside its contract. It may have sent the letter."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A login code on its way. Between tries only `valid_for` and `mail_change_id`
    change.

    `delivery_id` and `idempotency_key` name the delivery. The first may be shown; the second is known only to the
    client. `queued_at` is the time of the send. `valid_for` is the remaining life of the code. `mail_change_id` names
    the default mail connection at the claim, for the transport by connection.
    """

    delivery_id: UUID
    email: str = field(repr=False)
    code: str = field(repr=False)
    locale: str
    idempotency_key: str = field(repr=False)
    queued_at: datetime
    valid_for: timedelta
    mail_change_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Tells a user of a login on a new device or network (SPEC §20.3). It never changes between tries, but for
    `mail_change_id`.

    `link` ends the session of that login, and is a secret. None: there is no page for it. `time_zone` is the user's.
    """

    delivery_id: UUID
    email: str = field(repr=False)
    locale: str
    queued_at: datetime
    """The time of the login."""
    time_zone: str
    label: str | None = field(repr=False)
    link: str | None = field(repr=False)
    mail_change_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """Tells a person that the address may sign up (SPEC §20.4). It gives no right: a login still takes a code."""

    delivery_id: UUID
    email: str = field(repr=False)
    locale: str
    queued_at: datetime
    mail_change_id: UUID | None = None


AnyLetter: TypeAlias = Letter | Notice | Invitation


@dataclass(frozen=True, slots=True)
class Delivered:
    """The transport has taken responsibility for the letter."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The mail service decided not to send. That is no failure and is not retried."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The try failed. A `permanent` failure is not retried. `reason` is one word of ours, never a server's text."""

    reason: str
    permanent: bool = False


DeliveryOutcome = Delivered | Suppressed | Undelivered


class CodeTransport(Protocol):
    """Carries login codes concurrently. It never raises for a mail that cannot be delivered."""

    @property
    def timeout(self) -> timedelta:
        """The longest time of one `deliver`."""
        ...

    async def deliver(self, letter: Letter, timeout: timedelta) -> DeliveryOutcome:
        """Tries once, within `timeout`. Nothing is sent after that.

        Delivery is at least once: a letter may be retried with the same key after its outcome was lost.
        """
        ...


class MailTransport(CodeTransport, Protocol):
    """Carries letters of every kind."""

    async def deliver(self, letter: AnyLetter, timeout: timedelta) -> DeliveryOutcome:
        """Tries once, as `CodeTransport.deliver` does."""
        ...
