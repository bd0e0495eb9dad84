"""The sessions that one gateway knows: bounded memory, in which a session changes only from active to revoked.

Only the status of a session can change, and revoked is final. So the order of news does not matter. An active entry
with another user or key corrects a forged record, or is forged itself: the record is then read again. Races remain
only where sessions are *forgotten* during a read. A `Reading` is the ticket of such a read.
"""

from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from contracts.gateway import GatewayRecord


@dataclass(frozen=True, slots=True)
class Known:
    """A session as last heard. A revocation after `missed_since` may have been missed; None means it is current."""

    record: GatewayRecord
    missed_since: float | None = None


class Generation:
    """The time from one loss to the next. `ended_at` is None until it ends; then it is the last proved instant."""

    __slots__ = ("ended_at",)

    def __init__(self) -> None:
        self.ended_at: float | None = None


class Reading:
    """A record that is being read, with the news of its session meanwhile.

    `heard` is its revocation. `last_heard` is the last entry of any kind.
    """

    __slots__ = ("device_session_id", "generation", "heard", "last_heard")

    def __init__(self, device_session_id: str, generation: Generation) -> None:
        self.device_session_id = device_session_id
        self.generation = generation
        self.heard: GatewayRecord | None = None
        self.last_heard: GatewayRecord | None = None


class LocalCopy:
    """Holds at most `capacity` active and `capacity` revoked sessions.

    It drops the least recently used active session, and the revoked session that it heard of first.
    """

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
        """The session as known here, or None. The look counts as a use."""
        if (revoked := self._revoked.get(device_session_id)) is not None:
            return Known(revoked)
        if (kept := self._active.get(device_session_id)) is None:
            return None
        self._active.move_to_end(device_session_id)
        record, generation = kept
        return Known(record, generation.ended_at)

    def hear(self, record: GatewayRecord) -> None:
        """Takes a stream entry. A revocation counts at once.

        An active entry adds nothing. If it contradicts the session held here, one of the two is forged, so the session
        is dropped and its record read again.
        """
        for reading in self._readings.get(record.device_session_id, ()):
            reading.last_heard = record
        if record.status == "revoked":
            self._revoke(record)
        elif (kept := self._active.get(record.device_session_id)) is not None and kept[0] != record:
            self.drop(record.device_session_id)

    @contextmanager
    def reading(self, device_session_id: str) -> Generator[Reading]:
        """A context around a read of the record. It must begin before the read is sent."""
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
        """Keeps and returns the record that holds after the read; None if it must be read again.

        It must be read again if the sessions were forgotten since the read began, or if an entry heard meanwhile
        contradicts it. A revocation heard meanwhile always wins, even if its record has already been dropped.
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
        """Whether the sessions were forgotten since that read began."""
        return reading.generation is not self._generation

    def drop(self, device_session_id: str) -> None:
        """Removes an active session, if it is held."""
        self._active.pop(device_session_id, None)

    def forget(self, proved_at: float) -> None:
        """Marks active sessions as not current: each is read again before it is trusted. Revoked sessions stay.

        `proved_at` is the last instant up to which no revocation of them was missed.
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
