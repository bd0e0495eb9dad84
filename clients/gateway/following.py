"""Judges whether the local copy is current, from the answers of Redis. Pure; `follower` moves the bytes.

A Redis is trusted only after a keeper has checked it *since we connected*: only then does its beat move (SPEC §6.4).
The first move may still come from a check of the previous server, if a failover happened between check and beat. So
two moves are needed.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

from clients.gateway.local_copy import LocalCopy
from clients.gateway.stream import START, Batch, Ends, Position
from contracts.gateway import GatewayRecord, ProjectionState

Problem: TypeAlias = Literal["not_connected", "not_verified", "not_current"]
"""Why nothing new can be known: no connection; no keeper has checked this Redis; no beat for the mode's patience."""

Missed: TypeAlias = Literal[
    "other_server", "projection_missing", "other_epoch", "projection_went_back",
    "stream_went_back", "stream_trimmed", "unreadable_entry",
]  # fmt: skip
"""Why a revocation may have been missed. Every active session is then read again."""

MOVES = 2


class Following:
    """The judgement of one cache. Instants are seconds of a monotonic clock.

    `on_missed` gets each loss, `on_revoked` each revocation that is new here.
    """

    def __init__(
        self,
        copy: LocalCopy,
        on_missed: Callable[[Missed], None] = lambda _: None,
        on_revoked: Callable[[GatewayRecord], None] = lambda _: None,
    ) -> None:
        self._copy = copy
        self._on_missed = on_missed
        self._on_revoked = on_revoked
        self._run_id: str | None = None
        self._seen: ProjectionState | None = None
        self._moves = 0
        self._is_connected = False
        self._heard_at = float("-inf")
        self._heard_at_last_look = float("-inf")
        self._checked: Position = START
        self.position: Position | None = None
        """Every entry up to here was heard, or the active sessions were forgotten."""
        self.proved_at = float("-inf")
        """Each revocation published before this instant is known, or its session is not held as current."""

    def problem(self, now: float, patience: float) -> Problem | None:
        if not self._is_connected:
            return "not_connected"
        if self._moves < MOVES:
            return "not_verified"
        return "not_current" if now - self.proved_at > patience else None

    def meet(self, run_id: str, ends: Ends) -> None:
        """Starts on a new connection to the server of this `run_id`. It counts as connected only after `connect`."""
        if self._run_id not in {None, run_id}:
            self._moves, self._seen = 0, None
            self._miss("other_server")
        self._run_id = run_id
        self.position = self._checked = ends.last if self.position is None else self.position
        self.check(ends)

    def connect(self) -> None:
        """Marks the connection as caught up: the entries that arrived without a connection have been heard."""
        self._is_connected = True

    def disconnect(self) -> None:
        self._is_connected = False

    def check(self, ends: Ends) -> None:
        """Takes the ends of the stream before the next read. They show whether the previous read missed entries."""
        assert self.position is not None
        if ends.last < self.position:
            self._miss("stream_went_back")
            self.position = ends.last
        elif ends.hides_something_after(self._checked):
            self._miss("stream_trimmed")
        self._checked = self.position

    def hear(self, batch: Batch | None, asked_at: float, *, is_all: bool) -> None:
        """Takes the batch of one read. With `is_all` it was the last, so all entries before `asked_at` are known."""
        if batch is not None:
            for record in batch.records:
                if record.status == "revoked" and not self._copy.is_revoked(record.device_session_id):
                    self._on_revoked(record)
                self._copy.hear(record)
            if batch.unreadable:
                self._miss("unreadable_entry")
            self.position = batch.position
        if is_all:
            self._heard_at = asked_at

    def watch(self, seen: ProjectionState | None) -> None:
        """Takes the projection key, read after the last `hear`.

        A moved beat was written *some time* after the previous look, so it proves only the entries heard by then. A
        failover may have moved the writers to another server since.
        """
        last, self._seen = self._seen, seen
        if last is not None and seen is None:
            self._moves = 0
            self._miss("projection_missing")
        elif last is not None and seen is not None:
            self._compare(last, seen)
        self._heard_at_last_look = self._heard_at

    def _compare(self, last: ProjectionState, seen: ProjectionState) -> None:
        if seen.epoch != last.epoch:
            self._miss("other_epoch")
        elif seen.beat < last.beat:
            self._moves = 0
            self._miss("projection_went_back")
        if seen.beat > last.beat:
            self._moves = min(self._moves + 1, MOVES)
            if self._moves == MOVES:
                self.proved_at = max(self.proved_at, self._heard_at_last_look)

    def _miss(self, why: Missed) -> None:
        self._copy.forget(self.proved_at)
        self._on_missed(why)
