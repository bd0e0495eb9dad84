"""Follows the stream and the projection key of Redis until it is cancelled, and survives every fault of Redis.

It only asks Redis, in the right order. `following` judges the answers.
"""

from dataclasses import replace
from math import inf
from typing import Any

import anyio

from clients.gateway.clock import Clock
from clients.gateway.following import Following
from clients.gateway.link import Link, while_linked
from clients.gateway.notices import Connected, Lost, OnNotice
from clients.gateway.redis_connection import Answer, RedisReplyError
from clients.gateway.redis_server import Login, RedisServer
from clients.gateway.stream import NOTHING, Ends, decode_batch, decode_ends
from contracts.gateway import GatewayKeys, decode_projection

BATCH = 1000
WATCH = 0.5
"""Seconds between two reads of the projection key, and the longest wait of a stream read for an entry."""
_FIRST_PAUSE, _MAX_PAUSE = 0.05, 0.25
"""Backoff of connection attempts, in seconds."""
LOGIN_PAUSE = 10.0
"""Shortest time between two questions for credentials, in seconds."""
_LOGIN_REFUSED = frozenset({"WRONGPASS", "NOAUTH"})


class Follower:
    """`link` is the live pair of connections; None while there is none."""

    def __init__(
        self,
        server: RedisServer,
        keys: GatewayKeys,
        following: Following,
        clock: Clock,
        on_notice: OnNotice,
        *,
        watch: float = WATCH,
        login: Login | None = None,
    ) -> None:
        self.link: Link | None = None
        self._server = server
        self._keys = keys
        self._following = following
        self._clock = clock
        self._on_notice = on_notice
        self._watch = watch
        self._login = login
        self._may_ask_at = -inf
        self._pause = _FIRST_PAUSE

    def suspect(self) -> None:
        """Checks whether the address now leads to another server, and follows that one if so. Does not wait."""
        if self.link is not None:
            self.link.suspect()

    def leave(self) -> None:
        """Ends the link, because its answers do not match the commands."""
        if self.link is not None:
            self.link.records.close()

    async def run(self) -> None:
        """Connects, follows, and reconnects after a fault, until it is cancelled. Raises only bugs."""
        await self._log_in()
        while True:
            fault = await while_linked(self._server, self._follow)
            self._on_notice(Lost(fault))
            if fault in _LOGIN_REFUSED:
                await self._log_in()
            await anyio.sleep(self._pause)
            self._pause = min(2 * self._pause, _MAX_PAUSE)

    async def _log_in(self) -> None:
        """Asks for credentials, at the start and whenever Redis refuses those that it had."""
        if self._login is None or self._clock() < self._may_ask_at:
            return
        found = await self._login()
        self._may_ask_at = self._clock() + LOGIN_PAUSE
        if found is not None:
            self._server = replace(self._server, username=found.username, password=found.password)

    async def _follow(self, link: Link) -> None:
        try:
            await self._catch_up(link)
            self.link = link
            self._following.connect()
            self._pause = _FIRST_PAUSE
            self._on_notice(Connected())
            await self._keep_up(link)
        finally:
            self._following.disconnect()
            self.link = None

    async def _catch_up(self, link: Link) -> None:
        """Reads every entry that arrived meanwhile, before the first answer is given."""
        self._following.meet(link.run_id, await self._ends(link.stream.ask("XINFO", "STREAM", self._keys.stream)))
        while not await self._read(link, wait=0):
            pass
        await self._look(link)

    async def _keep_up(self, link: Link) -> None:
        look_at = self._clock() + self._watch
        while True:
            is_all = await self._read(link, wait=self._watch)
            if is_all and self._clock() >= look_at:
                look_at = self._clock() + self._watch
                await self._look(link)

    async def _read(self, link: Link, *, wait: float) -> bool:
        """Reads one batch, and waits at most `wait` seconds for an entry. Returns whether the batch was the last one.

        The same round trip first asks for the ends of the stream. They show whether the *previous* batch was complete
        (`Following.check`). A separate question would delay entries by a round trip.
        """
        asked_at = self._clock()
        position = str(self._following.position)
        block = ("BLOCK", int(wait * 1000)) if wait else ()
        ends = link.stream.ask("XINFO", "STREAM", self._keys.stream)
        entries = link.stream.ask(
            "XREAD", "COUNT", BATCH, *block, "STREAMS", self._keys.stream, position, patience=wait
        )
        self._following.check(await self._ends(ends))
        batch = decode_batch(await entries.get())
        is_all = batch is None or batch.size < BATCH
        self._following.hear(batch, asked_at, is_all=is_all)
        return is_all

    async def _look(self, link: Link) -> None:
        """Reads the projection key, and checks whether the previous batch was complete: from now on it counts."""
        ends = link.stream.ask("XINFO", "STREAM", self._keys.stream)
        projection = link.stream.ask("HGETALL", self._keys.projection)
        self._following.check(await self._ends(ends))
        flat: list[bytes] = await projection.get()
        self._following.watch(decode_projection(dict(zip(flat[::2], flat[1::2], strict=True))))

    async def _ends(self, answer: Answer) -> Ends:
        try:
            told: Any = await answer.get()
        except RedisReplyError as error:
            if "no such key" in str(error):
                return NOTHING
            raise
        return decode_ends(told)
