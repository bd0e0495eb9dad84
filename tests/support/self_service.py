"""Devices that sign calls of self-service, and the public half of it over real Postgres, without sockets."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clients.gateway.signature import Signer
from contracts.self_service import CURRENT_PATH, REVOKE_OTHERS_PATH, SESSIONS_PATH
from contracts.signed_request import Envelope, encode_envelope, http_message_type
from services.public_auth.api.routes import SELF_SERVICE_NETWORK, self_service_routes
from services.public_auth.api.self_service import SELF_SERVICE, SelfServiceApi
from services.public_auth.flows.order_watch import OrderWatch
from services.public_auth.flows.self_service import SelfServiceFlow
from shared.kernel.client_key import ClientPublicKey
from shared.kernel.entropy import SystemEntropy
from shared.kernel.rate import Rate
from shared.web.app import quart_app
from shared.web.edge import Edge
from shared.web.rate_limit import RateLimiter
from tests.support.background import background
from tests.support.builders import StoredUser, store_session, unique
from tests.support.database import Database
from tests.support.world import World

PATIENCE = timedelta(seconds=10)
LIST = ("GET", SESSIONS_PATH, b"")
REVOKE_OTHERS = ("POST", REVOKE_OTHERS_PATH, b"")
Call = tuple[str, str, bytes]
"""Method, target, body."""


def revoke(device_session_id: str) -> Call:
    return ("DELETE", f"{SESSIONS_PATH}/{device_session_id}", b"")


def name(label: str) -> Call:
    return ("PATCH", CURRENT_PATH, b'{"label":"%s"}' % label.encode())


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed call, which a test may send as often as it likes, or bend."""

    method: str
    target: str
    body: bytes
    envelope: Envelope

    @property
    def headers(self) -> dict[str, str]:
        return encode_envelope(self.envelope) | ({"content-type": "application/json"} if self.body else {})


class Device:
    """A private key and its session. `offset` is how far the deciding clock has moved, for its time stamps."""

    def __init__(self, device_session_id: str = "", key: Ed25519PrivateKey | None = None) -> None:
        self.key = key or Ed25519PrivateKey.generate()
        self.device_session_id = device_session_id

    @property
    def client_public_key(self) -> ClientPublicKey:
        return ClientPublicKey(self.key.public_key().public_bytes_raw())

    def sign(self, call: Call, *, age: float = 0.0, request_id: str | None = None) -> Signed:
        method, target, body = call
        path, _, query = target.partition("?")
        envelope = Signer(self.device_session_id, self.key).sign(
            http_message_type(method, path.encode(), query.encode()),
            body,
            timestamp_ms=int((time.time() - age) * 1000),
            request_id=request_id or unique("request-"),
        )
        return Signed(method, target, body, envelope)


def stored_device(database: Database, user: StoredUser, **changes: Any) -> Device:
    """A device of the user, its session stored as `store_session` does."""
    device = Device()
    session = store_session(database, user, client_public_key=device.client_public_key, **changes)
    device.device_session_id = session.device_session_id
    return device


class PublicSelfService:
    """The four routes. Each call returns the HTTP response. Calls from several threads run in parallel."""

    def __init__(self, world: World, client: httpx.AsyncClient) -> None:
        self._world = world
        self._client = client

    def send(self, signed: Signed) -> httpx.Response:
        request = partial(
            self._client.request, signed.method, signed.target, content=signed.body, headers=signed.headers
        )
        return self._world.call(request)

    async def raw(self, method: str, target: str, headers: dict[str, str]) -> httpx.Response:
        return await self._client.request(method, target, headers=headers)

    def call(self, device: Device, call: Call) -> httpx.Response:
        return self.send(device.sign(call))


@contextmanager
def open_public_self_service(
    world: World, rate: Rate | None = None, patience: timedelta = PATIENCE, postgres: Any = None
) -> Generator[PublicSelfService]:
    pool = postgres or world.public
    watch, counted = OrderWatch(pool, patience), list[str]()
    rates = {SELF_SERVICE: rate, SELF_SERVICE_NETWORK: None}
    limiter = RateLimiter(world.redis, rates, key_prefix=unique("rate-") + ":")
    api = SelfServiceApi(SelfServiceFlow(pool, watch), limiter, counted.append)

    async def serve(task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(watch.run)
            await nursery.start(limiter.run)
            task_status.started()

    app = quart_app(self_service_routes(api, limiter), Edge(SystemEntropy()))
    world.enter(background, serve)
    client = world.enter(
        partial(httpx.AsyncClient, transport=httpx.ASGITransport(app), base_url="http://auth.example.com", timeout=30)
    )
    yield PublicSelfService(world, client)


def decide(database: Database, outcome: str, count: int = 0) -> Callable[[], None]:
    """The internal half, as the table shows it: the next waiting order gets this outcome, and is published."""

    def carry_out() -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if database.execute(
                "update session_orders set outcome = $1, session_count = $2, decided_at = clock_now(), "
                "published_at = clock_now() where order_id = (select min(order_id) from session_orders "
                "where published_at is null) returning 1",
                outcome,
                count,
            ):
                return
            time.sleep(0.01)
        raise TimeoutError("no order was filed")

    return carry_out
