"""The collector of the default connection `telemetry`, for a process whose environment names none (SPEC §16.6).

A change of the connection acts within about a second on every replica, without a restart.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final, Literal, Protocol

import trio

from services.internal_admin.node_telemetry.collector import CALLS, COOL_DOWN, Away, Collector, Down, Outage
from shared.io.circuit import Circuit
from shared.io.egress import Egress, NoEgress
from shared.io.http_client import Answer
from shared.kernel.faults import DependencyUnavailable

LOOK_EVERY: Final = timedelta(seconds=1)
"""The shortest time between two looks at the default. Without telemetry there is none."""
LOOK_AGAIN: Final = timedelta(seconds=5)
"""The same after a look that failed, so that a secret that cannot be read does not fill the log."""
_TELL_EVERY: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Target:
    """An accepted revision of the default connection: where telemetry goes, and the headers of each call."""

    connection_id: str
    revision: int
    endpoint: str
    headers: Mapping[str, str] = field(repr=False)


class TargetUnreadable(Exception):
    """The connection's secret cannot be opened."""


class Targets(Protocol):
    """The default connection and its health. The wiring provides them."""

    async def read(self) -> Target | None:
        """The default; None if there is none. Raises `TargetUnreadable` and `DependencyUnavailable("postgres")`."""
        ...

    async def note_refused(self, target: Target) -> None:
        """The far end refused the headers of this revision. Does not raise if Postgres is away."""
        ...


class DefaultCollector:
    """Remembers the collector of the default, and looks again at most once in `LOOK_EVERY`."""

    def __init__(self, targets: Targets, egress: Egress) -> None:
        self._targets = targets
        self._egress = egress
        self._looking = trio.Lock()
        self._places = trio.Semaphore(CALLS)
        self._outage = Outage()
        self._look_at = 0.0
        self._target: Target | None = None
        self._found: Collector | Away | None = None

    async def current(self) -> Collector | Away | None:
        """The collector; None without a default, and `Away` if its secret or Postgres cannot be read."""
        async with self._looking:
            if trio.current_time() >= self._look_at:
                await self._look()
            return self._found

    async def _look(self) -> None:
        pause = LOOK_EVERY
        try:
            target = await self._targets.read()
        except (DependencyUnavailable, TargetUnreadable) as fault:
            reason = "postgres" if isinstance(fault, DependencyUnavailable) else "secret_unreadable"
            pause = LOOK_EVERY if isinstance(fault, DependencyUnavailable) else LOOK_AGAIN
            target, self._found = None, self._outage.begin(reason)
        else:
            if target is None or target != self._target:
                self._found = None if target is None else self._collector_of(target)
        self._target, self._look_at = target, trio.current_time() + pause.total_seconds()

    def _collector_of(self, target: Target) -> Collector:
        refused = _AtMostEvery(_TELL_EVERY, partial(self._targets.note_refused, target))
        client = _EgressClient(self._egress, target.endpoint, self._places)
        return Collector(client, target.headers, Circuit(cool_down=COOL_DOWN), self._outage, refused)


class _EgressClient:
    """Calls to a collector that came in over the API. Each has a connection of its own, and is never repeated."""

    def __init__(self, egress: Egress, endpoint: str, places: trio.Semaphore) -> None:
        self._egress = egress
        self._endpoint = endpoint.rstrip("/")
        self._places = places

    async def call(
        self,
        method: Literal["POST"],
        path: str,
        *,
        timeout: timedelta,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call within `timeout`. Raises `Down`. A body that is too long counts as empty."""
        answer = NoEgress("timeout")
        with trio.move_on_after(timeout.total_seconds()):
            async with self._places:
                answer = await self._egress.call(
                    method, self._endpoint + path, timeout=timeout, headers=headers, body=body
                )
        if isinstance(answer, NoEgress):
            raise Down(answer.result)
        return Answer(answer.status, answer.body)


class _AtMostEvery:
    """Calls `work`, but not again within `pause` of the last call."""

    def __init__(self, pause: timedelta, work: Callable[[], Awaitable[None]]) -> None:
        self._pause = pause.total_seconds()
        self._work = work
        self._again_at = 0.0

    async def __call__(self) -> None:
        now = trio.current_time()
        if now < self._again_at:
            return
        self._again_at = now + self._pause
        await self._work()
