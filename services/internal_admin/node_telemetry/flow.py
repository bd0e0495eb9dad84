"""The way of a body: pace, decompression, the node's name, the collector.

A node gets its 200 only after the collector's. OTLP's 200 means that the data were taken, and a sender then forgets
them: an answer from a queue of ours would lose them with this process, or with a collector that stays away. Nodes have
queues and retries of their own, so nothing is kept here but the bodies that wait for the collector at this moment.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import TypeAlias, TypeVar, cast

import trio

from contracts.errors import Refusal
from contracts.node.telemetry import MAX_BODY_BYTES, MediaType, Signal
from services.internal_admin.node_telemetry.collector import Collector, Sent, Taken
from services.internal_admin.node_telemetry.domain.body import NodeIdentity, Work
from services.internal_admin.node_telemetry.domain.overwrite import overwrite
from services.internal_admin.node_telemetry.domain.pace import NodePace
from services.internal_admin.node_telemetry.metrics import BYTES, HELD
from shared.kernel.faults import Overloaded

T = TypeVar("T")

MAX_HELD_BYTES = 64 * 1024 * 1024
RETRY_AFTER = timedelta(seconds=5)
_TURN_SECONDS = 3.0
"""Maximum wait for other bodies to be read. One is read at a time."""
_SLICE_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class TooFast:
    """The node is above its pace."""

    retry_after: timedelta


Relayed: TypeAlias = Sent | TooFast


class HeldBytes:
    """Counts the bytes of bodies that wait for the collector."""

    def __init__(self, most: int = MAX_HELD_BYTES) -> None:
        self._most = most
        self.used = 0

    @contextmanager
    def hold(self, size: int) -> Generator[None]:
        """Count `size` bytes meanwhile. Raises `Overloaded` if they are too many."""
        if self.used + size > self._most:
            raise Overloaded(RETRY_AFTER)
        self._add(size)
        try:
            yield
        finally:
            self._add(-size)

    def _add(self, size: int) -> None:
        self.used += size
        HELD.set(self.used)


class Relay:
    """The relay of one process."""

    def __init__(self) -> None:
        self._pace = NodePace()
        self._turn = trio.Lock()
        self.held = HeldBytes()

    async def relay(
        self,
        collector: Collector,
        signal: Signal,
        media_type: MediaType,
        node: NodeIdentity,
        unpack: Callable[[], bytes],
    ) -> Relayed:
        """Relay one body to the collector. `unpack` decompresses it within `MAX_BODY_BYTES`.

        Raises `Refusal` from `unpack`, `BadData` and `TooLarge` for the body, and `Overloaded`.
        """
        async with self._one_at_a_time():
            wait = self._pace.wait(node.node_id, trio.current_time())
            if wait is not None:
                return TooFast(wait)
            body = await in_slices(overwrite(self._charged(node.node_id, unpack), node, signal, media_type))
        with self.held.hold(len(body)):
            sent = await collector.send(signal, media_type, body)
        if isinstance(sent, Taken):
            BYTES.add(signal, times=len(body))
        return sent

    def _charged(self, node_id: str, unpack: Callable[[], bytes]) -> bytes:
        """The unpacked body, charged to the node. One that cannot be unpacked counts as the largest."""
        try:
            body = unpack()
        except Refusal:
            self._pace.charge(node_id, MAX_BODY_BYTES, trio.current_time())
            raise
        self._pace.charge(node_id, len(body), trio.current_time())
        return body

    @asynccontextmanager
    async def _one_at_a_time(self) -> AsyncGenerator[None]:
        with trio.move_on_after(_TURN_SECONDS) as waiting:
            await self._turn.acquire()
        if waiting.cancelled_caught:
            raise Overloaded(RETRY_AFTER)
        try:
            yield
        finally:
            self._turn.release()


async def in_slices(work: Work[T]) -> T:
    """Do the work, and let others run after each millisecond of it."""
    until = perf_counter() + _SLICE_SECONDS
    while True:
        try:
            next(work)
        except StopIteration as end:
            return cast("T", end.value)
        if perf_counter() > until:
            await trio.lowlevel.checkpoint()
            until = perf_counter() + _SLICE_SECONDS
