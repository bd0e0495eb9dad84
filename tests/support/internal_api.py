"""The internal service's routes over real Postgres and Redis. Calls are in memory, without a socket."""

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import redis as redis_py

from contracts.gateway import GatewayKeys, GatewayRecord, decode_record
from shared.kernel.entropy import SystemEntropy
from shared.users.directory import UserDirectory
from shared.web.app import quart_app
from shared.web.edge import Edge
from tests.support.background import background
from tests.support.builders import unique
from tests.support.internal_service import internal_settings, serve_internal
from tests.support.redis_bytes import stored
from tests.support.world import World

ROOT = "/api/v1/internal"
PEER = "192.0.2.7"
CAUSE: dict[str, Any] = {"reason_code": "admin_revoke", "actor": {"type": "admin", "id": "admin-1"}}


class InternalApi:
    """Calls of a trusted service. Each returns the HTTP response. Calls from several threads run in parallel."""

    def __init__(self, world: World, client: httpx.AsyncClient, keys: GatewayKeys) -> None:
        self._world = world
        self._client = client
        self._keys = keys

    def get(self, path: str, **query: str | int) -> httpx.Response:
        return self._world.call(self._client.get, ROOT + path, params=query)

    def post(self, path: str, **body: Any) -> httpx.Response:
        """Sends a reason and an actor, and `body` on top of them."""
        return self._world.call(self._client.post, ROOT + path, json=CAUSE | body)

    def revoke(self, device_session_id: str, **body: Any) -> httpx.Response:
        return self.post(f"/sessions/{device_session_id}/revoke", **body)

    def revoke_all(self, user_id: str, **body: Any) -> httpx.Response:
        return self.post(f"/users/{user_id}/sessions/revoke-all", **body)

    def delete(self, user_id: str) -> httpx.Response:
        return self._world.call(partial(self._client.request, "DELETE", f"{ROOT}/users/{user_id}", json=CAUSE))

    def change_email(self, user_id: str, email: str) -> httpx.Response:
        body = CAUSE | {"email": email}
        return self._world.call(partial(self._client.request, "PATCH", f"{ROOT}/users/{user_id}", json=body))

    def block(self, **body: Any) -> httpx.Response:
        return self.post("/user-blocks", **body)

    def unblock(self, **body: Any) -> httpx.Response:
        return self.post("/user-blocks/remove", **body)

    def forget_gateway_record(self, device_session_id: str) -> None:
        """Deletes one record from Redis, as a loss of Redis may."""
        with redis_py.Redis(port=self._world.redis_server.port) as client:
            client.delete(self._keys.record(device_session_id))

    def gateway_record(self, device_session_id: str) -> GatewayRecord | None:
        """The record that a gateway would read in Redis now."""
        with redis_py.Redis(port=self._world.redis_server.port) as client:
            found = stored(client, self._keys.record(device_session_id))
        return None if found is None else decode_record(found)

    def status_at_gateways(self, device_session_id: str) -> str | None:
        """The status in a session's gateway record."""
        record = self.gateway_record(device_session_id)
        return None if record is None else record.status


@contextmanager
def open_internal_api(
    world: World,
    redis_address: str | None = None,
    users: UserDirectory | None = None,
    keys: GatewayKeys | None = None,
) -> Generator[InternalApi]:
    """The API with its relay and keeper running, under its own Redis key names. They stop when the world stops.

    A database has one projection: everything else that publishes from the database needs the same `keys`.
    """
    keys = keys or gateway_keys()
    settings = internal_settings(keys)
    serve = partial(serve_internal, world, settings, redis_address=redis_address, directory=users)
    routes = world.enter(background, lambda task_status: serve(task_status=task_status))
    transport = httpx.ASGITransport(quart_app(routes, Edge(SystemEntropy())), client=(PEER, 4711))
    client = world.enter(httpx.AsyncClient, transport=transport, base_url="http://internal", timeout=30)
    yield InternalApi(world, client, keys)


def gateway_keys() -> GatewayKeys:
    """Redis key names that no other test uses."""
    name = unique("test-")
    return GatewayKeys(f"{name}:session:", f"{name}:session_events")
