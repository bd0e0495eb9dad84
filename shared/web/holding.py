"""Held requests: an endpoint that waits for an event, at most for a time, before it answers (long polling).

    with request.hold() as hold:
        waiting.add(hold)
        await hold.wait(25)

`wait` returns at the first of four: another task calls `wake`, the time is over, the process begins to drain, or the
client hangs up. It cancels nothing, so the endpoint then answers as always. Only callers whose credentials were checked
may be held, because the request keeps its place for that time.
"""

import resource
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self

import trio
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from shared.kernel.faults import Overloaded

MAX_HELD = 4096
"""Maximum number of held requests of a listener."""
_HELD_SHARE = 4
"""Held requests may use 1/4 of the open files."""
_WANTED_FILES = MAX_HELD * _HELD_SHARE
_RETRY_AFTER = timedelta(seconds=10)


class Client(Protocol):
    """The part of `shared.web.server.http_connection.HttpConnection` that a held request needs."""

    async def until_gone(self) -> None:
        """Return when the client hangs up or sends no more."""
        ...

    def keep_place(self) -> None:
        """Called when the request is held for the first time."""
        ...


class Hold:
    """A held request. Use it as a context manager, in one task; other tasks may call `wake` and `end`."""

    __slots__ = ("_client", "_holds", "_is_woken", "_scope", "is_over")

    def __init__(self, holds: "Holds | None" = None, client: Client | None = None) -> None:
        self._holds = holds
        self._client = client
        self._scope: trio.CancelScope | None = None
        self._is_woken = False
        self.is_over = False
        """Whether the request should be answered now, because the process drains or the client is gone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._holds is not None:
            self._holds.forget(self)

    def wake(self) -> None:
        """End the present `wait`, or the next one if none is running. Several calls before a `wait` count as one."""
        self._is_woken = True
        if self._scope is not None:
            self._scope.cancel()

    def end(self) -> None:
        """End this `wait` and every later one."""
        self.is_over = True
        self.wake()

    async def wait(self, seconds: float) -> None:
        """Wait at most for `seconds`; see the module. Returns at once if `is_over`."""
        if not (self._is_woken or self.is_over):
            with trio.CancelScope(deadline=trio.current_time() + seconds) as self._scope:
                await self._until_gone()
                self.is_over = True
            self._scope = None
        self._is_woken = False

    async def _until_gone(self) -> None:
        if self._client is None:
            await trio.sleep_forever()
        else:
            await self._client.until_gone()


class Holds:
    """The held requests of a listener."""

    def __init__(self) -> None:
        self._held: set[Hold] = set()
        self._are_ended = False

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, client: Client | None) -> Hold:
        """Hold a request of `client`, who is watched if he is known. Raises `Overloaded` if too many are held."""
        if len(self._held) >= most_held():
            raise Overloaded(_RETRY_AFTER)
        hold = Hold(self, client)
        hold.is_over = self._are_ended
        self._held.add(hold)
        if client is not None:
            client.keep_place()
        return hold

    def show(self) -> None:
        """Show the number in the metrics from now on. Only for one listener of a process."""
        metrics.get_meter("authsession").create_observable_gauge(
            "authsession.held_requests",
            [self._observe],
            unit="{request}",
            description="Requests of nodes that wait for a new configuration, of 4,096 at most.",
        )

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        """Called in the thread of the scrape or export."""
        return [Observation(len(self._held))]

    def forget(self, hold: Hold) -> None:
        self._held.discard(hold)

    async def end_at(self, draining: trio.Event) -> None:
        """End all held requests at `draining`, and those that come later at once."""
        await draining.wait()
        self._are_ended = True
        for hold in self._held:
            hold.end()


def open_files() -> int:
    """Maximum number of files that the process may open now."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def most_held() -> int:
    """The limit now: at most a quarter of the files that the process may open."""
    return min(MAX_HELD, open_files() // _HELD_SHARE)


def allow_held() -> None:
    """Let the process open as many files as held requests need, if the system's hard limit allows that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a sandbox may refuse it; the limit is then what it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
