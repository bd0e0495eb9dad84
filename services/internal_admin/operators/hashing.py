"""Argon2id off the event loop, and so little of it at once that nothing else waits for it (SPEC §10.3)."""

import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TypeVar

import trio

from services.internal_admin.operators.domain.argon2id import COST, Argon2Cost, cost_of, hash_text, hash_texts, is_among
from shared.kernel.entropy import Entropy
from shared.kernel.faults import DependencyUnavailable

T = TypeVar("T")
_ROOM = 256
_PATIENCE_SECONDS = 10.0
_NICENESS = 10
"""Others then get ten times as much, when all want the same core: docs/decisions/0021-operators-accounts.md."""
_RETRY_AFTER = timedelta(seconds=5)


class PasswordHasher:
    """Hashes on a few threads of its own. A request takes a `turn` before it hashes."""

    def __init__(self, entropy: Entropy, cost: Argon2Cost = COST, *, threads: int | None = None) -> None:
        """`threads`: the number of hashes at once. The default is one less than there are cores, and at least one."""
        threads = threads or max(1, (os.cpu_count() or 1) - 1)
        self._entropy = entropy
        self._cost = cost
        self._threads = ThreadPoolExecutor(threads, "password-hashing", initializer=_yield_to_others)
        self._turns = trio.Semaphore(threads + 1)  # one reads and writes while the others hash
        self._dummy = hash_text("", cost, entropy)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait to be one of the few requests that hash and use Postgres for it; first come, first served.

        So a flood of log-ins occupies neither all connections nor all cores: it waits here and holds nothing. Raises
        `DependencyUnavailable("password_hashing")` if too many wait already, or after ten seconds.
        """
        is_full = self._turns.statistics().tasks_waiting >= _ROOM
        with trio.move_on_after(_PATIENCE_SECONDS) as waiting:
            if not is_full:
                await self._turns.acquire()
        if is_full or waiting.cancelled_caught:
            raise DependencyUnavailable("password_hashing", _RETRY_AFTER)
        try:
            yield
        finally:
            self._turns.release()

    async def hash(self, password: str) -> str:
        """The hash of a password, `$argon2id$…`, at today's cost."""
        return await self._run(partial(hash_text, password, self._cost, self._entropy))

    async def hash_all(self, texts: Sequence[str]) -> tuple[str, ...]:
        """One hash for each text, all with one salt, for `is_among`."""
        return await self._run(partial(hash_texts, texts, self._cost, self._entropy))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether the hash is of that password. Without a hash the same work is done, and the answer is no."""
        return await self.is_among(None if hashed is None else (hashed,), password)

    async def is_among(self, hashes: Sequence[str] | None, text: str) -> bool:
        """Whether `text` is one of those that `hash_all` hashed. One computation; the same one without hashes."""
        return await self._run(partial(is_among, text, hashes or (self._dummy,))) and bool(hashes)

    def is_outdated(self, hashed: str) -> bool:
        """Whether that hash was made at another cost than today's."""
        return cost_of(hashed) != self._cost

    async def _run(self, work: Callable[[], T]) -> T:
        """Run `work` outside trio's threads, which serve others at full priority.

        A cancelled call waits all the same: a hash ends by itself within a fraction of a second.
        """
        token, is_done = trio.lowlevel.current_trio_token(), trio.Event()
        await trio.lowlevel.checkpoint_if_cancelled()
        future = self._threads.submit(work)
        future.add_done_callback(lambda _: token.run_sync_soon(is_done.set))
        with trio.CancelScope(shield=True):
            await is_done.wait()
        return future.result()


def _yield_to_others() -> None:
    """Lower the priority of this thread, on Linux only: elsewhere niceness is the whole process' (sched(7))."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
