"""A gateway that follows the stream of session events through every loss of Redis."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

import redis as redis_py

from tests.support.redis_bytes import new_entries
from tests.support.stack import REDIS_PASSWORD


class Follower:
    """A gateway that follows the stream through restarts of Redis. It keeps every snapshot that it saw, in order."""

    def __init__(self, port: int) -> None:
        self.seen: list[tuple[str, str]] = []
        self.seen_at: list[float] = []
        """The instant of each snapshot, of `time.monotonic`."""
        self._port = port
        self._last = b"0-0"
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def following(self) -> Generator[None]:
        self._thread.start()
        try:
            yield
        finally:
            time.sleep(0.3)  # the entries written last
            self._is_over.set()
            self._thread.join()

    def _run(self) -> None:
        with redis_py.Redis(port=self._port, username="gateway", password=REDIS_PASSWORD, socket_timeout=2) as gateway:
            while not self._is_over.is_set():
                try:
                    for entry_id, fields in new_entries(gateway, "gateway:session_events", self._last):
                        self._last = entry_id
                        self.seen.append((fields[b"device_session_id"].decode(), fields[b"status"].decode()))
                        self.seen_at.append(time.monotonic())
                except redis_py.RedisError:
                    time.sleep(0.05)


def revived(snapshots: list[tuple[str, str]]) -> set[str]:
    """Sessions that the gateway saw active after it saw them revoked."""
    revoked: set[str] = set()
    found: set[str] = set()
    for device_session_id, status in snapshots:
        if status == "revoked":
            revoked.add(device_session_id)
        elif device_session_id in revoked:
            found.add(device_session_id)
    return found
