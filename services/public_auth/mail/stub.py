"""The `stub` transport: letters stay in Postgres, where the development mailbox reads them (SPEC §7.1)."""

from datetime import timedelta

from services.public_auth.mail.transport import Delivered, DeliveryOutcome, Letter


class StubTransport:
    """Delivers by doing nothing: the sealed code in the queue is the mailbox."""

    timeout = timedelta(seconds=1)

    async def deliver(self, letter: Letter, timeout: timedelta) -> DeliveryOutcome:
        """Always delivered."""
        del letter, timeout
        return Delivered()
