"""Couriers of a world, and the mail queue that they empty. Their transport is a fake that notes every letter."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import trio

from services.public_auth.mail.courier import LEASE_MARGIN, Courier
from services.public_auth.mail.transport import Delivered, DeliveryOutcome, Letter, Undelivered
from services.public_auth.store.deliveries import Settlement
from shared.kernel.entropy import SystemEntropy
from tests.support.public_flow import SEALING_KEYS
from tests.support.world import World

CODE_LIFE = timedelta(minutes=10)
CONCURRENCY = 50
TIMEOUT = timedelta(seconds=20)
LEASE = TIMEOUT + LEASE_MARGIN
Carry = Callable[[Letter], Awaitable[DeliveryOutcome]]


async def carried(letter: Letter) -> DeliveryOutcome:
    await trio.sleep(0.005)
    return Delivered()


class FakeTransport:
    """A transport that notes each letter and then calls `carry`."""

    def __init__(self, carry: Carry = carried, timeout: timedelta = TIMEOUT) -> None:
        self.timeout = timeout
        self.letters: list[Letter] = []
        self.timeouts: list[timedelta] = []
        self._carry = carry

    async def deliver(self, letter: Letter, timeout: timedelta) -> DeliveryOutcome:
        self.letters.append(letter)
        self.timeouts.append(timeout)
        with trio.move_on_after(timeout.total_seconds()):
            return await self._carry(letter)
        return Undelivered("timeout")


class Gate(FakeTransport):
    """Holds its first letter until `open` is set. The other letters pass."""

    def __init__(self) -> None:
        super().__init__(self._hold_first)
        self.reached, self.open = trio.Event(), trio.Event()

    async def _hold_first(self, letter: Letter) -> DeliveryOutcome:
        if letter is self.letters[0]:
            self.reached.set()
            await self.open.wait()
        return Delivered()


def answering(outcome: DeliveryOutcome) -> FakeTransport:
    async def carry(letter: Letter) -> DeliveryOutcome:
        return outcome

    return FakeTransport(carry)


class Post:
    """Couriers of one world, and a view of the queue."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.settlements: list[Settlement] = []

    @property
    def settled(self) -> list[str]:
        return [settlement.reason or settlement.state for settlement in self.settlements]

    def courier(
        self,
        transport: FakeTransport,
        concurrency: int = CONCURRENCY,
        postgres: Any = None,
        linger: timedelta = timedelta(0),
    ) -> Courier:
        return Courier(
            postgres or self.world.public,
            transport,
            sealing_keys=SEALING_KEYS,
            entropy=SystemEntropy(),
            concurrency=concurrency,
            linger=linger,
            on_settled=self.settlements.append,
        )

    def step(self, transport: FakeTransport) -> int:
        """Takes one step, and carries and settles its mails. Returns the number of mails that it claimed."""
        return self.world.call(one_step, self.courier(transport))

    async def until_settled(self, count: int) -> None:
        """Returns when `count` mails are settled."""
        while len(self.settlements) < count:
            await trio.sleep(0.01)

    def queued(self, challenge_id: str) -> Any:
        (row,) = self.world.database.execute("select * from mail_deliveries where challenge_id = $1", challenge_id)
        return row


async def one_step(courier: Courier) -> int:
    async with trio.open_nursery() as carrying:
        claimed = await courier.step(carrying)
    await courier.settle()
    return claimed
