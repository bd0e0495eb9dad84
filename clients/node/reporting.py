"""Reports the node's status: at each change, and every 30 seconds."""

from collections import deque

import anyio

from clients.node.link import Ask, Denial, Link, Unavailable
from clients.node.machine import Clock, steady_clock
from clients.node.pausing import Pause
from clients.node.settings import NodeSettings
from clients.node.standing import Standing
from contracts.node.names import STATUS_PATH
from contracts.node.report import Report
from contracts.node.status import Status, encode_status

_MOST_A_MINUTE = 10
"""The control plane takes 12 statuses a minute of a node."""


class Reporter:
    """`boot_id` is random for each start of the process."""

    def __init__(
        self, settings: NodeSettings, link: Link, standing: Standing, boot_id: str, clock: Clock = steady_clock
    ) -> None:
        self._settings = settings
        self._link = link
        self._standing = standing
        self._boot_id = boot_id
        self._clock = clock
        self._changed = anyio.Event()
        self._unsent: Report | None = None
        self._sent_at: deque[float] = deque(maxlen=_MOST_A_MINUTE)
        standing.on_change(self._wake)

    async def run(self) -> None:
        """Reports until it is cancelled. Raises only bugs."""
        pause = Pause(self._settings.timing)
        while True:
            self._changed = anyio.Event()
            wait = self._settings.timing.status_every
            if self._standing.is_member:
                try:
                    await self._report()
                    pause.reset()
                except (Unavailable, Denial) as problem:
                    if isinstance(problem, Denial) and problem.code == "node_revoked":
                        self._standing.revoke()
                    wait = problem.retry_after or min(wait, pause.after_failure(is_ready=True))
            with anyio.move_on_after(max(wait, self._until_next())):
                await self._changed.wait()
            await anyio.sleep(self._until_next())

    def _wake(self) -> None:
        self._changed.set()

    def _until_next(self) -> float:
        """Seconds until a status is within the control plane's limit."""
        is_full = len(self._sent_at) == _MOST_A_MINUTE
        return max(0.0, self._sent_at[0] + 60 - self._clock()) if is_full else 0.0

    async def _report(self) -> None:
        if self._unsent is None and self._settings.report is not None:
            self._unsent = self._settings.report()
        config, applied = self._standing.outcome()
        body = encode_status(Status(self._boot_id, config, applied, self._settings.software, self._unsent))
        try:
            await self._link.ask(Ask("PUT", STATUS_PATH, body, timeout=self._settings.timing.answer_timeout))
        except Denial as denial:
            self._sent_at.append(self._clock())
            if denial.status in (400, 413):  # the application's report may be at fault
                self._unsent = None
            raise
        self._sent_at.append(self._clock())
        self._unsent = None
