"""The `stub` transport (SPEC §7.1): sends nothing. The development mailbox reads the letters from Postgres."""

from datetime import timedelta

from services.public_auth.mail.transport import AnyLetter, Delivered, DeliveryOutcome


class StubTransport:
    """Delivers by doing nothing: the sealed code or token stays in the queue."""

    timeout = timedelta(seconds=1)

    async def deliver(self, letter: AnyLetter, timeout: timedelta) -> DeliveryOutcome:
        """Returns `Delivered` always."""
        del letter, timeout
        return Delivered()
