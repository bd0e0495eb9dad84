"""The `stub` transport (SPEC §7.1): sends nothing. The development mailbox reads the codes from Postgres."""

from datetime import timedelta

from services.public_auth.mail.transport import Delivered, DeliveryOutcome, Letter


class StubTransport:
    """Delivers by doing nothing: the sealed code stays in the queue."""

    timeout = timedelta(seconds=1)

    async def deliver(self, letter: Letter, timeout: timedelta) -> DeliveryOutcome:
        """Returns `Delivered` always."""
        del letter, timeout
        return Delivered()
