"""Logins in either mode of the user directory: the real flows over real Postgres and Redis, without sockets."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import trio

from contracts.gateway import GatewayKeys
from services.internal_admin.blocks.orders import BlockOrders
from services.public_auth.domain.budget import Budgets
from services.public_auth.domain.confirm import ConfirmRefusal
from services.public_auth.flows.confirm_code import ConfirmCode, ConfirmCodeFlow, Confirmed
from services.public_auth.mail.addressee import anyone, as_known_to
from services.public_auth.mail.courier import Courier
from services.public_auth.mail.transport import Delivered, DeliveryOutcome, Letter
from services.public_auth.store.issue_challenge import IssuePolicy
from shared.config.user_service import UserServiceSettings
from shared.io.redis import open_redis
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.network import Network
from shared.lifecycle.batching import Turns
from shared.projection.projection import Projection
from shared.projection.relay import Relay
from shared.users.rest import RestDirectory, open_user_directory
from tests.support.background import background
from tests.support.builders import client_public_key
from tests.support.internal_api import InternalApi, open_internal_api
from tests.support.public_flow import HOME, LOGIN_CODE_KEYS, SEALING_KEYS, PublicFlow
from tests.support.user_service import UserServicePeer
from tests.support.world import World

TIMEOUT = timedelta(seconds=1)
Answer = Confirmed | ConfirmRefusal


class LoginFlow:
    """One installation: sends, mails, confirms and calls of trusted services. `peer` is None in mode `stub`."""

    def __init__(
        self, world: World, peer: UserServicePeer | None, users: RestDirectory | None, confirm: ConfirmCodeFlow
    ) -> None:
        self.world = world
        self.peer = peer
        self._users = users
        self._confirm = confirm
        policy = IssuePolicy(Budgets(), new_address_mail_limit=None, users_live_here=users is None)
        self._sends = PublicFlow(world, policy)
        self.api: InternalApi

    def send(self, email: str) -> tuple[str, str]:
        """Sends a code. Returns the challenge id and the code."""
        challenge_id = self._sends.send(email)
        return challenge_id, self._sends.code(challenge_id)

    def confirm(self, challenge_id: str, code: str, key: ClientPublicKey | None = None) -> Answer:
        return self.world.call(self.confirming(challenge_id, code, key))

    def confirming(
        self, challenge_id: str, code: str, key: ClientPublicKey | None = None
    ) -> Callable[[], Awaitable[Answer]]:
        """The confirm as a trio function, for races."""
        command = ConfirmCode(
            challenge_id=challenge_id,
            code=code,
            client_key=key or client_public_key(),
            proven=False,
            time_zone="Europe/Berlin",
            label=None,
            network=Network(HOME),
            request_id="request-1",
        )
        return partial(self._confirm.run, command)

    def log_in(self, email: str) -> Answer:
        return self.confirm(*self.send(email))

    def session(self, answer: Answer) -> dict[str, Any]:
        assert isinstance(answer, Confirmed), answer
        return self.api.get(f"/sessions/{answer.device_session_id}").json()["session"]

    def block_in_directory(self, email: str) -> None:
        """Blocks the address where users live: at the user service, or in mode `stub` here."""
        if self.peer is not None:
            self.peer.blocked.add(email.lower())
        else:
            assert self.api.block(email=email).status_code == 200

    def mailed(self) -> list[Letter]:
        """Takes one step of a courier, and returns the letters that it carried."""
        letters: list[Letter] = []

        class Noting:
            timeout = timedelta(seconds=5)

            async def deliver(self, letter: Letter, timeout: timedelta) -> DeliveryOutcome:
                del timeout
                letters.append(letter)
                return Delivered()

        courier = Courier(
            self.world.public,
            Noting(),
            sealing_keys=SEALING_KEYS,
            entropy=SystemEntropy(),
            concurrency=50,
            linger=timedelta(0),
            on_settled=lambda _: None,
            examined=anyone if self._users is None else as_known_to(self._users),
        )
        self.world.call(_one_step, courier)
        return letters

    def deliver_orders(self) -> int:
        """Takes one step of the worker that reports blocks to the user service. Returns the number of orders that it
        tried.
        """
        return self.world.call(self.ordering())

    def ordering(self) -> Callable[[], Awaitable[int]]:
        """One step of a separate worker as a trio function, for races."""
        assert self._users is not None
        return BlockOrders(self.world.internal, self._users, SystemEntropy()).step


async def _one_step(courier: Courier) -> None:
    async with trio.open_nursery() as carrying:
        await courier.step(carrying)
    await courier.settle()


@contextmanager
def open_login_flow(world: World, peer: UserServicePeer | None, keys: GatewayKeys) -> Generator[LoginFlow]:
    """An installation in mode `rest` with a peer, in mode `stub` without. Its workers end with the world. Installations
    on one world share `keys`.
    """
    users, confirm = world.enter(background, partial(_serve, world, peer, keys))
    flow = LoginFlow(world, peer, users, confirm)
    with open_internal_api(world, users=users, keys=keys) as flow.api:
        yield flow


async def _serve(
    world: World,
    peer: UserServicePeer | None,
    keys: GatewayKeys,
    task_status: trio.TaskStatus[tuple[RestDirectory | None, ConfirmCodeFlow]],
) -> None:
    settings = None if peer is None else UserServiceSettings(peer.url, TIMEOUT)
    async with (
        open_redis(world.redis_server.address) as redis,
        open_user_directory(settings) as users,
        trio.open_nursery() as nursery,
    ):
        projection = Projection(world.public, redis, keys, stream_maxlen=10_000)
        relay = Relay(world.public, projection)
        await nursery.start(relay.run)
        confirm = ConfirmCodeFlow(
            world.public,
            Turns(),
            relay,
            users=users,
            login_code_keys=LOGIN_CODE_KEYS,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            on_confirmed=lambda _: None,
        )
        task_status.started((users, confirm))
        await trio.sleep_forever()
