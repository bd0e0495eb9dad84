"""The projection on real servers, for tests: sessions change in Postgres, and a gateway reads Redis."""

from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

import asyncpg
import redis as redis_py
import trio

from authsession.embedded.redis import EmbeddedRedis
from contracts.gateway import GatewayKeys, GatewayRecord, decode_record
from shared.io.postgres import Postgres
from shared.io.redis import Redis, open_redis
from shared.kernel.device_session import DeviceSession
from shared.kernel.entropy import SystemEntropy
from shared.kernel.projection_change import ProjectionChange
from shared.projection import keeper as keeping
from shared.projection.keeper import Keeper
from shared.projection.projection import Projection
from shared.projection.relay import Relay
from shared.sessions.store import projection_change
from tests.support.background import background
from tests.support.builders import client_public_key, store_user, unique
from tests.support.redis_bytes import gateway_entries, stored
from tests.support.world import World

P = ParamSpec("P")
T = TypeVar("T")

_INSERT = """
with session as (
    insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id, created_at)
    select 'device-session-' || id, $1, $2, id, 'challenge-' || id, clock_now() from unnest($3::uuid[]) as id
    returning *
), queued as (
    insert into projection_outbox (device_session_id, enqueued_at, available_at)
    select device_session_id, clock_now(), clock_now() + interval '2 seconds' from session
    returning outbox_id, device_session_id
)
select * from session join queued using (device_session_id)
"""
_REVOKE = """
with session as (
    update device_sessions
       set status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'test', revoke_actor_type = 'system'
     where device_session_id = any ($1::text[]) and status = 'active'
    returning *
), queued as (
    insert into projection_outbox (device_session_id, enqueued_at, available_at)
    select device_session_id, clock_now(), clock_now() + interval '2 seconds' from session
    returning outbox_id, device_session_id
)
select * from session join queued using (device_session_id)
"""


class GatewayProjection:
    """One process's relay and projection, with a gateway's view of Redis. A keeper started by `keep()` runs until the
    end.
    """

    def __init__(self, world: World, server: EmbeddedRedis, stack: AsyncExitStack) -> None:
        self.world = world
        self.server = server
        self.keys = GatewayKeys(f"{unique('test-')}:session:", f"{unique('test-')}:session_events")
        self._stack = stack
        self.redis: Redis = self._enter(background(partial(_serve_redis, server.address)))
        self.projection = self.new_projection()
        self.relay = Relay(world.internal, self.projection)
        self._enter(background(self.relay_run(self.relay)))
        self.user_id = store_user(world.database).user_id

    def _enter(self, resource: Any) -> Any:
        return self.world.call(self._stack.enter_async_context, resource)

    @staticmethod
    def relay_run(relay: Relay) -> Callable[[trio.TaskStatus[None]], Awaitable[None]]:
        return lambda task_status: relay.run(task_status=task_status)

    def new_projection(self, postgres: Postgres | None = None) -> Projection:
        """A projection as another process has it, with its own epoch in memory."""
        return Projection(postgres or self.world.internal, self.redis, self.keys, stream_maxlen=1_000_000)

    def keep(self, postgres: Postgres | None = None) -> None:
        """Starts a keeper, and waits until the projection is complete."""
        postgres = postgres or self.world.internal
        keeper = Keeper(postgres, self.new_projection(postgres), SystemEntropy(), patience=keeping.BEAT * 0)
        self._enter(background(lambda task_status: keeper.run(task_status=task_status)))
        self.await_complete()

    def await_complete(self) -> None:
        """Waits until Redis says complete, with the epoch that Postgres has."""

        async def wait() -> None:
            with trio.fail_after(30):
                while not await self._is_complete():
                    await trio.sleep(0.05)

        self.world.call(wait)

    async def _is_complete(self) -> bool:
        fields = await self.redis.hgetall(self.keys.projection)
        (row,) = await self.world.owner.unit_of_work(lambda db: db.fetch("select * from projection_keeper"))
        told = (fields.get(b"epoch", b"").decode(), fields.get(b"state"), fields.get(b"beat"))
        return told == (row["epoch"], b"complete", str(row["beat"]).encode()) and row["state"] == "complete"

    def new_sessions(self, count: int = 1) -> list[ProjectionChange]:
        """Commits active sessions with their outbox rows. They are not published."""
        ids = [uuid4() for _ in range(count)]
        return self._changes(_INSERT, self.user_id, client_public_key().raw, ids)

    def revoke(self, *sessions: DeviceSession) -> list[ProjectionChange]:
        """Revokes the sessions in Postgres, with outbox rows. The revocations are not published."""
        return self._changes(_REVOKE, [session.device_session_id for session in sessions])

    def _changes(self, statement: str, *arguments: Any) -> list[ProjectionChange]:
        async def fetch(connection: asyncpg.Connection) -> list[asyncpg.Record]:
            return await connection.fetch(statement, *arguments)

        return [projection_change(row) for row in self.world.call(self.world.owner.unit_of_work, fetch)]

    def publish(self, changes: Sequence[ProjectionChange], epoch: str | None = None) -> None:
        self.world.call(self.relay.publish, changes, self.epoch() if epoch is None else epoch)

    def epoch(self) -> str:
        return self.world.call(self.projection.epoch)

    def published_session(self) -> DeviceSession:
        (change,) = self.new_sessions()
        self.publish([change])
        return change.session

    def client(self) -> redis_py.Redis:
        return redis_py.Redis(port=self.server.port)

    def record(self, session: DeviceSession) -> GatewayRecord | None:
        """The records that a gateway would read now."""
        with self.client() as client:
            value = stored(client, self.keys.record(session.device_session_id))
        return None if value is None else decode_record(value)

    def status(self, session: DeviceSession) -> str | None:
        record = self.record(session)
        return None if record is None else record.status

    def entries(self, *sessions: DeviceSession) -> list[GatewayRecord]:
        """The stream's entries of these sessions, from its beginning."""
        ids = {session.device_session_id for session in sessions}
        return [entry for entry in self.stream().values() if entry.device_session_id in ids]

    def stream(self) -> dict[bytes, GatewayRecord]:
        """The whole stream, by entry id."""
        with self.client() as client:
            return gateway_entries(client, self.keys.stream)

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()

    def waiting(self) -> int:
        """The number of outbox rows."""
        (row,) = self.world.database.execute("select count(*) as count from projection_outbox")
        return row["count"]

    def until(self, condition: Callable[[], object], seconds: float = 10) -> None:
        """Waits until the condition holds. Fails if it does not hold in time."""

        async def wait() -> None:
            with trio.fail_after(seconds):
                while not await trio.to_thread.run_sync(condition):
                    await trio.sleep(0.05)

        self.world.call(wait)


async def _serve_redis(address: str, task_status: trio.TaskStatus[Redis]) -> None:
    async with open_redis(address) as redis:
        task_status.started(redis)
        await trio.sleep_forever()


@contextmanager
def open_gateway_projection(world: World, server: EmbeddedRedis) -> Generator[GatewayProjection]:
    """An open projection. On leaving, relay and keeper stop, and no outbox row is left for the next test."""
    stack = AsyncExitStack()
    try:
        yield GatewayProjection(world, server, stack)
    finally:
        world.call(stack.aclose)
        world.database.execute("truncate projection_outbox, projection_conflicts")
