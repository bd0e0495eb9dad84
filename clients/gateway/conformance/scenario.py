"""Plays a scenario of `gateway_cache.json`: writes Redis as the product would, and checks the gateway's answers.

It empties the given Redis.
"""

from collections.abc import Mapping
from typing import Any

import anyio

from clients.gateway.clock import steady_clock
from clients.gateway.conformance.examined import Examined
from clients.gateway.redis_connection import Argument, RedisConnection
from contracts.gateway import GatewayKeys, GatewayRecord, encode_record, encode_stream_entry

WATCH_MS = 50
BEAT_EVERY = 0.15
PATIENCE_MS = 60_000
BECOMES_WITHIN = 5.0
"""The default time in which an answer must become right, in seconds."""
_KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

Event = Mapping[str, Any]


class Broken(Exception):
    """The gateway gave a wrong answer."""


class Scenario:
    """One scenario that is being played."""

    def __init__(self, redis: RedisConnection, examined: Examined, address: str, within: float) -> None:
        """`address` is the Redis' address for the gateway. `within` is the time to become right, in seconds."""
        self._redis = redis
        self._examined = examined
        self._address = address
        self._within = within
        self._keys = GatewayKeys()
        self._epochs = 0
        self._beat = 0
        self._beaten_at = 0.0
        self._keeper_is_on = True
        self._remembered: list[tuple[Argument, ...]] = []

    async def play(self, scenario: Mapping[str, Any]) -> None:
        """Plays all events. Raises `Broken` at the first wrong answer."""
        await self._redis.call("FLUSHALL")
        await self._begin_epoch("complete")
        opening = {"ask": "open", "redis": self._address, "watch_ms": WATCH_MS}
        await self._examined.ask({**opening, "patience_ms": scenario.get("patience_ms", PATIENCE_MS)})
        for event in scenario["events"]:
            await self._do(event)

    async def _do(self, event: Event) -> None:
        match event["do"]:
            case "find":
                await self._find(event)
            case "publish":
                await self._publish(_record(event, "active"))
            case "revoke":
                await self._publish(_record(event, "revoked"))
            case "revoke_unannounced":
                await self._redis.call(*self._set(_record(event, "revoked")))
            case "revoke_and_trim":
                await self._revoke_and_trim(_record(event, "revoked"))
            case "garble":
                await self._redis.call("SET", self._keys.record(_id(event)), "{}")
            case _:
                await self._do_to_all(event)

    async def _do_to_all(self, event: Event) -> None:
        match event["do"]:
            case "keeper":
                self._keeper_is_on = event["is_on"]
            case "state":
                await self._redis.call("HSET", self._keys.projection, "state", event["state"])
            case "epoch":
                await self._begin_epoch(event["state"])
            case "flush":
                await self._redis.call("FLUSHALL")
            case "cut":
                await self._redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            case "remember":
                await self._remember()
            case "older":
                await self._redis.call_all(self._remembered)
            case "pause":
                await self._keep_for(event["ms"] / 1000)
            case _:
                raise ValueError("an event of no known kind")

    async def _find(self, event: Event) -> None:
        if "is" in event:
            answer = await self._answer(event)
            if answer != event["is"]:
                raise Broken(f"{event['session']} is {answer}, not {event['is']}")
            return
        deadline = steady_clock() + self._within
        while (answer := await self._answer(event)) != event["becomes"]:
            if answer in event.get("never", ()):
                raise Broken(f"{event['session']} was {answer} before it became {event['becomes']}")
            if steady_clock() > deadline:
                raise Broken(f"{event['session']} is still {answer}, not {event['becomes']}")
            await self._keep_for(0.02)

    async def _answer(self, event: Event) -> str:
        answer = await self._examined.ask({"ask": "find", "device_session_id": _id(event)})
        return answer["answer"]

    async def _keep_for(self, seconds: float) -> None:
        """Waits for `seconds`, and writes beats as a keeper does."""
        until = steady_clock() + seconds
        while True:
            if self._keeper_is_on and steady_clock() >= self._beaten_at + BEAT_EVERY:
                self._beaten_at = steady_clock()
                self._beat += 1
                await self._redis.call("HSET", self._keys.projection, "beat", self._beat)
            if steady_clock() >= until:
                return
            await anyio.sleep(0.02)

    async def _begin_epoch(self, state: str) -> None:
        self._epochs += 1
        fields: tuple[Argument, ...] = ("epoch", f"epoch-{self._epochs}", "state", state, "beat", self._beat)
        await self._redis.call("HSET", self._keys.projection, *fields)

    async def _publish(self, record: GatewayRecord) -> None:
        """Writes record and stream entry at once, and never active after revoked, as the product's script does."""
        standing: bytes | None = await self._redis.call("GET", self._keys.record(record.device_session_id))
        if standing is None or record.status == "revoked" or b'"revoked"' not in standing:
            await self._redis.call_all([("MULTI",), self._set(record), self._add(record), ("EXEC",)])

    async def _revoke_and_trim(self, record: GatewayRecord) -> None:
        """Revokes and trims in one transaction: a blocked reader wakes up after it, when the entry is gone."""
        other = GatewayRecord("device-session-other", "user-123", _KEY, "active")
        trim: tuple[Argument, ...] = ("XTRIM", self._keys.stream, "MAXLEN", 1)
        commands = [("MULTI",), self._set(record), self._add(record), self._add(other), trim, ("EXEC",)]
        await self._redis.call_all(commands)

    async def _remember(self) -> None:
        records: list[bytes] = await self._redis.call("KEYS", f"{self._keys.record_prefix}device-*")
        values = [await self._redis.call("GET", key) for key in records]
        self._remembered = [("SET", key, value) for key, value in zip(records, values, strict=True)]
        projection: list[bytes] = await self._redis.call("HGETALL", self._keys.projection)
        self._remembered.append(("HSET", self._keys.projection, *projection))

    def _set(self, record: GatewayRecord) -> tuple[Argument, ...]:
        return "SET", self._keys.record(record.device_session_id), encode_record(record)

    def _add(self, record: GatewayRecord) -> tuple[Argument, ...]:
        fields = [text for pair in encode_stream_entry(record).items() for text in pair]
        return "XADD", self._keys.stream, "*", *fields


def _id(event: Event) -> str:
    return f"device-session-{event['session']}"


def _record(event: Event, status: str) -> GatewayRecord:
    if status == "revoked":
        return GatewayRecord(_id(event), "user-123", _KEY, "revoked", 1775121700000)
    return GatewayRecord(_id(event), "user-123", _KEY, "active")
