"""The courier of letters without a code, of one world. Its transport is a fake that notes every letter."""

from datetime import timedelta
from typing import Any

from services.public_auth.mail.letter_courier import LetterCourier
from services.public_auth.mail.transport import AnyLetter, Delivered, DeliveryOutcome, Invitation, Letter, Notice
from shared.kernel.entropy import SystemEntropy
from tests.support.public_flow import SEALING_KEYS
from tests.support.world import World

HOST = "auth.example.com"


class FakePost:
    """A transport that notes each letter and answers `outcome`."""

    timeout = timedelta(seconds=5)

    def __init__(self, outcome: DeliveryOutcome | None = None) -> None:
        self.outcome = outcome or Delivered()
        self.letters: list[Notice | Invitation] = []

    async def deliver(self, letter: AnyLetter, timeout: timedelta) -> DeliveryOutcome:
        assert not isinstance(letter, Letter)
        assert timeout <= self.timeout
        self.letters.append(letter)
        return self.outcome


def letter_courier(world: World, transport: Any, *, host: str | None = HOST, is_mailbox: bool = False) -> LetterCourier:
    return LetterCourier(
        world.public,
        transport,
        sealing_keys=SEALING_KEYS,
        entropy=SystemEntropy(),
        public_host=host,
        is_mailbox=is_mailbox,
    )
