"""What one gateway knows of sessions: pure memory, bounded, one way only (active, then revoked).

Everything about a session but its status is fixed, and revoked is for ever: so knowledge is joined, and its order does
not matter. An active entry that names another user or key corrects a forged record, or is forged: read again. The races
that remain are those of *forgetting*, which is why a read under way is a ticket (`Reading`).
"""

from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from contracts.gateway import GatewayRecord


@dataclass(frozen=True, slots=True)
class Known:
    """A session as last heard. Since `missed_since` a revocation may have been missed; None: it is current."""

    record: GatewayRecord
    missed_since: float | None = None


class Generation:
    """The time from one loss to the next. Once it is over, `ended_at` is the last instant that was proved in it."""

    __slots__ = ("ended_at",)

    def __init__(self) -> None:
        self.ended_at: float | None = None


class Reading:
    """A record that is being read; remembers what is heard of the session meanwhile.

    `heard`: its revocation. `last_heard`: the last entry, whatever it says.
    """

    __slots__ = ("device_session_id", "generation", "heard", "last_heard")

    def __init__(self, device_session_id: str, generation: Generation) -> None:
        self.device_session_id = device_session_id
        self.generation = generation
        self.heard: GatewayRecord | None = None
        self.last_heard: GatewayRecord | None = None


class LocalCopy:
    """At most `capacity` active sessions (the least recently used goes first) and as many revoked (the oldest does)."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self._capacity = capacity
        self._generation = Generation()
        self._active: OrderedDict[str, tuple[GatewayRecord, Generation]] = OrderedDict()
        self._revoked: OrderedDict[str, GatewayRecord] = OrderedDict()
        self._readings: dict[str, list[Reading]] = {}

    def __len__(self) -> int:
        return len(self._active) + len(self._revoked)

    def look(self, device_session_id: str) -> Known | None:
        """What is known; counts as use."""
        if (revoked := self._revoked.get(device_session_id)) is not None:
            return Known(revoked)
        if (kept := self._active.get(device_session_id)) is None:
            return None
        self._active.move_to_end(device_session_id)
        record, generation = kept
        return Known(record, generation.ended_at)

    def hear(self, record: GatewayRecord) -> None:
        """A stream entry. A revocation counts. An active one is believed only as far as it contradicts what is held:

        somebody wrote one of both who should not have, so the record is read again when somebody asks.
        """
        for reading in self._readings.get(record.device_session_id, ()):
            reading.last_heard = record
        if record.status == "revoked":
            self._revoke(record)
        elif (kept := self._active.get(record.device_session_id)) is not None and kept[0] != record:
            self.drop(record.device_session_id)

    @contextmanager
    def reading(self, device_session_id: str) -> Generator[Reading]:
        """Around a read of the record, from before it is sent."""
        reading = Reading(device_session_id, self._generation)
        readings = self._readings.setdefault(device_session_id, [])
        readings.append(reading)
        try:
            yield reading
        finally:
            readings.remove(reading)
            if not readings:
                del self._readings[device_session_id]

    def learn(self, reading: Reading, record: GatewayRecord) -> GatewayRecord | None:
        """What holds after that read, and is kept; None to read again.

        That is if it began before all was forgotten, or if an entry heard meanwhile contradicts it.

        A revocation heard meanwhile is newer than whatever was read, even if it has been crowded out already.
        """
        record = record if reading.heard is None else reading.heard
        if record.status == "revoked":
            self._revoke(record)
        elif self.is_outdated(reading) or reading.last_heard not in (None, record):
            return None
        else:
            self._keep(record)
        return record

    def is_outdated(self, reading: Reading) -> bool:
        """Whether all was forgotten since that read began."""
        return reading.generation is not self._generation

    def drop(self, device_session_id: str) -> None:
        """There is no such active session."""
        self._active.pop(device_session_id, None)

    def forget(self, proved_at: float) -> None:
        """From now on active sessions are not current: each is read again before it is believed. Revoked stay.

        `proved_at`: the last instant up to which no revocation of them was missed.
        """
        self._generation.ended_at = proved_at
        self._generation = Generation()

    def is_revoked(self, device_session_id: str) -> bool:
        return device_session_id in self._revoked

    def _keep(self, record: GatewayRecord) -> None:
        self._active[record.device_session_id] = (record, self._generation)
        self._active.move_to_end(record.device_session_id)
        if len(self._active) > self._capacity:
            self._active.popitem(last=False)

    def _revoke(self, record: GatewayRecord) -> None:
        self._active.pop(record.device_session_id, None)
        self._revoked.setdefault(record.device_session_id, record)
        for reading in self._readings.get(record.device_session_id, ()):
            reading.heard = record
        if len(self._revoked) > self._capacity:
            self._revoked.popitem(last=False)
