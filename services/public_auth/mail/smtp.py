"""The `smtp` transport (SPEC §7.1): writes the letter and hands it to a mail server."""

from datetime import timedelta

from services.public_auth.mail.letters import Stationery
from services.public_auth.mail.messages import write_message
from services.public_auth.mail.moulds import LetterWriter
from services.public_auth.mail.transport import AnyLetter, Delivered, DeliveryOutcome, Letter, Undelivered
from shared.io.smtp import Accepted, Envelope, NotAccepted, Smtp, mailbox


class SmtpTransport:
    """Sends letters to one mail server. `timeout` bounds one letter, with connection and login."""

    def __init__(self, smtp: Smtp, stationery: Stationery, *, timeout: timedelta) -> None:
        self._smtp = smtp
        self._sender = mailbox(stationery.sender.address)
        self._stationery = stationery
        self._letters = LetterWriter(stationery)
        self.timeout = timeout

    async def deliver(self, letter: AnyLetter, timeout: timedelta) -> DeliveryOutcome:
        """Returns `Delivered` when the server has accepted the letter. A 5yz reply is permanent; others are retried."""
        envelope = Envelope(self._sender, mailbox(letter.email), self._written(letter))
        match await self._smtp.send(envelope, timeout):
            case Accepted():
                return Delivered()
            case NotAccepted(reason, permanent):
                return Undelivered(reason, permanent)

    def _written(self, letter: AnyLetter) -> bytes:
        """Only login codes are many, so only they have moulds."""
        return self._letters.write(letter) if isinstance(letter, Letter) else write_message(letter, self._stationery)
