"""The node API of one process over a `World`, with the loops that held polls need. Calls are in memory."""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import trio

from contracts.encoding import encode
from contracts.node.manifest import Manifest, Position, Statement, decode_manifest, decode_statement
from contracts.node.names import CONFIG_PATH, DOCUMENTS_PATH, STATUS_PATH
from contracts.node.poll import Poll, decode_poll_answer, encode_poll
from contracts.node.status import Status, encode_status
from services.internal_admin.access.limits import control_plane_limiter, limits_of
from services.internal_admin.operators.hashing import PasswordHasher
from services.internal_admin.resources import Resources
from services.internal_admin.routes import NODE_ROUTES, ROUTES
from services.internal_admin.settings import InternalAdminSettings
from services.internal_admin.wiring import InternalAdmin, build
from shared.io.redis import Redis, open_redis
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.web.app import quart_app
from shared.web.edge import Edge
from shared.web.rate_limit import RateLimiter
from tests.support.background import background
from tests.support.builders import unique
from tests.support.internal_api import gateway_keys
from tests.support.internal_service import CHEAP, internal_settings
from tests.support.nodes import Node
from tests.support.world import World

NOBODY = "127.0.0.1:1"
"""The address of a Redis that is away."""


@dataclass(frozen=True, slots=True)
class Polled:
    """The answer to a poll, without its signatures."""

    statement: Statement
    manifest: Manifest | None
    seconds: float


class NodeApi:
    """One process. Polls and statuses of tests are signed by their nodes."""

    def __init__(self, world: World, service: InternalAdmin, client: httpx.AsyncClient, edge: Edge) -> None:
        self._world = world
        self._client = client
        self._pool = ThreadPoolExecutor(64)
        self.service = service
        self.edge = edge

    def get(self, path: str) -> httpx.Response:
        """An operator's call of the control plane."""
        return self._world.call(self._client.get, path)

    def poll(self, node: Node, **asked: Any) -> httpx.Response:
        """Polls; `asked` are the fields of `Poll`."""
        query = encode_poll(Poll(**asked))
        return node.send(self._world, self._client, "GET", f"{CONFIG_PATH}?{query}")

    def polled(self, node: Node, **asked: Any) -> Polled:
        """The answer of a poll that succeeds."""
        return answer_of(self.poll(node, **asked))

    def begin_poll(self, node: Node, **asked: Any) -> "Future[httpx.Response]":
        """Begins a poll, and returns when it is held."""
        before = len(self.edge.holds)
        future = self._pool.submit(self.poll, node, **asked)
        self._world.call(self._until, lambda: len(self.edge.holds) > before or future.done())
        return future

    def status(self, node: Node, status: Status | bytes, **signed: Any) -> httpx.Response:
        """Reports a status; `signed` are arguments of `Node.headers`."""
        body = status if isinstance(status, bytes) else encode_status(status)
        return node.send(self._world, self._client, "PUT", STATUS_PATH, body, **signed)

    def document(self, node: Node, digest: str) -> httpx.Response:
        return node.send(self._world, self._client, "GET", f"{DOCUMENTS_PATH}/{digest}")

    def rollout(self, pool: str, query: str = "") -> dict[str, Any]:
        """The rollout as operators see it, after the offers were written."""
        self.work("node offers")
        answer = self.get(f"/api/control-plane/nodes/rollout?pool={pool}{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def work(self, worker: str) -> int:
        """Takes one step of a worker."""
        (found,) = (each for each in self.service.workers if each.name == worker)
        return self._world.call(found.step)

    def notify(self) -> None:
        """Wakes this process, and the others by Redis."""

        async def notify() -> None:
            self.service.wake.notify()

        self._world.call(notify)

    async def _until(self, holds: Any) -> None:
        with trio.fail_after(10):
            while not holds():
                await trio.sleep(0.005)


def answer_of(answer: httpx.Response) -> Polled:
    """The answer to a poll that succeeded."""
    assert answer.status_code == 200, answer.text
    decoded = decode_poll_answer(answer.content)
    manifest = None if decoded.manifest is None else decode_manifest(decoded.manifest.payload)
    return Polled(decode_statement(decoded.statement.payload), manifest, answer.elapsed.total_seconds())


def refused_with(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def status_body(**fields: Any) -> bytes:
    """A status as JSON, with fields that no `Status` may have."""
    return encode(fields)


@contextmanager
def open_node_api(
    world: World,
    *,
    redis_address: str | None = None,
    settings: InternalAdminSettings | None = None,
    is_limited: bool = False,
) -> Generator[NodeApi]:
    """One process. Processes with the same `settings` wake each other. They stop when the world stops."""
    chosen, edge = settings or node_settings(), Edge(SystemEntropy())

    async def serve(task_status: trio.TaskStatus[InternalAdmin]) -> None:
        async with open_redis(redis_address or world.redis_server.address) as redis, trio.open_nursery() as nursery:
            entropy, limiter = SystemEntropy(), _limiter(redis, is_limited=is_limited)
            hasher, clock = PasswordHasher(entropy, CHEAP), SystemClock()
            service = build(Resources(world.internal, redis, None, None, limiter, hasher, clock, entropy), chosen)
            for loop in (limiter.run, *service.node_loops):
                await nursery.start(loop)
            task_status.started(service)
            await trio.sleep_forever()

    service: InternalAdmin = world.enter(background, serve)
    transport = httpx.ASGITransport(quart_app((*service.routes, *service.node_routes), edge), client=("127.0.0.1", 1))
    client = world.enter(httpx.AsyncClient, transport=transport, base_url="http://127.0.0.1", timeout=60)
    yield NodeApi(world, service, client, edge)


def node_settings() -> InternalAdminSettings:
    """Settings whose keys in Redis no other test uses."""
    settings = internal_settings(gateway_keys())
    return replace(
        settings,
        operators=replace(settings.operators, auth_mode="open", rate_limit_key_prefix=unique("control-plane:test-")),
    )


def _limiter(redis: Redis, *, is_limited: bool) -> RateLimiter:
    every_route = (*ROUTES, *NODE_ROUTES)
    if is_limited:
        return control_plane_limiter(redis, unique("test-rate-") + ":", every_route)
    return RateLimiter(redis, {limit.name: None for limit in limits_of(every_route)}, key_prefix="")


def config_of(position: Position, digest: str, outcome: str = "applied", **more: Any) -> dict[str, Any]:
    """The field `config` of a status."""
    return {"epoch": position.epoch, "sequence": position.sequence, "digest": digest, "outcome": outcome, **more}
