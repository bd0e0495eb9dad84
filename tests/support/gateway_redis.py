"""A Redis as gateways see it: records, stream entries and beats, written by hand, without Postgres and keeper."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import redis as redis_py

from clients.gateway.redis_server import RedisServer
from clients.gateway.session_cache import SessionCache, open_session_cache
from contracts.gateway import GatewayKeys, GatewayRecord, encode_record, encode_stream_entry
from tests.support.builders import client_public_key, unique

WATCH = 0.005
"""Seconds between two looks of a test's follower. A short time keeps the tests fast."""


class GatewayRedis:
    """Writes the product's records and entries at once, in any order that a test wants."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.keys = GatewayKeys()
        self.client = redis_py.Redis(port=port)
        self.client.config_set(
            "hz", 500
        )  # an idle Redis checks this often whether a blocked read has waited long enough
        self.beat_now = 0
        self.begin("epoch-1")

    @property
    def server(self) -> RedisServer:
        return RedisServer(port=self.port)

    def begin(self, epoch: str, state: str = "complete") -> None:
        """Begins an epoch with the last beat that was written."""
        self.client.hset(self.keys.projection, mapping={"epoch": epoch, "state": state, "beat": self.beat_now})

    def beat(self) -> None:
        self.beat_now += 1
        self.client.hset(self.keys.projection, "beat", self.beat_now)

    def session(self, device_session_id: str | None = None) -> GatewayRecord:
        """Publishes a new active session."""
        record = GatewayRecord(
            device_session_id or unique("device-session-"), unique("user-"), client_public_key().base64, "active"
        )
        self.publish(record)
        return record

    def publish(self, record: GatewayRecord, *, announce: bool = True) -> None:
        """Writes record and stream entry as the product's script does."""
        with self.client.pipeline(transaction=True) as write:
            write.set(self.keys.record(record.device_session_id), encode_record(record))
            if announce:
                write.xadd(self.keys.stream, {**encode_stream_entry(record)})
            write.execute()

    def revoke(self, record: GatewayRecord) -> GatewayRecord:
        revoked = revocation(record)
        self.publish(revoked)
        return revoked

    def close(self) -> None:
        self.client.close()


def revocation(record: GatewayRecord) -> GatewayRecord:
    return GatewayRecord(record.device_session_id, record.user_id, record.client_public_key, "revoked", 1775121700000)


@asynccontextmanager
async def ready_cache(
    redis: GatewayRedis, server: RedisServer | None = None, *, watch: float = WATCH, **options: Any
) -> AsyncGenerator[SessionCache]:
    """A cache that is ready: it has seen the two beats that it needs."""
    async with open_session_cache(server or redis.server, watch=watch, **options) as cache:
        await become_ready(redis, cache)
        yield cache


async def become_ready(redis: GatewayRedis, cache: SessionCache) -> None:
    with anyio.fail_after(10):
        while cache.problem() is not None:
            redis.beat()
            await anyio.sleep(WATCH)


async def until(condition: Any, seconds: float = 5) -> None:
    """Waits until the condition, sync or async, holds. Fails if it does not hold in time."""
    with anyio.fail_after(seconds):
        while True:
            answer = condition()
            if hasattr(answer, "__await__"):
                answer = await answer
            if answer:
                return
            await anyio.sleep(0.005)
