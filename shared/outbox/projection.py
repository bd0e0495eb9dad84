"""Writes and reads the gateway's records in Redis, under the epoch that Postgres and Redis agree on (SPEC §6.1, §6.2).

This room knows the shape of the Redis keys' use; what a key, record or entry looks like is `contracts.gateway`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from contracts.gateway import GatewayKeys
from shared.io.postgres import Postgres
from shared.io.redis import Redis
from shared.kernel.device_session import DeviceSession

REVOKED_LIFE = timedelta(days=30)
"""How long a revoked record stays, from `revoked_at`. An active one stays for the setting `session_max_age`."""


class StaleEpoch(Exception):
    """Redis was lost or went back since the writer's epoch was read: what it knows of the session may be out of date."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """A life of the projection. Writers name it; the active records' life is fixed with it."""

    name: str
    session_max_age: timedelta


class Projection:
    """The records and the stream. One object per process."""

    def __init__(self, postgres: Postgres, redis: Redis, keys: GatewayKeys, *, stream_maxlen: int) -> None:
        """`stream_maxlen` is the stream's length in entries, approximately (`MAXLEN ~`)."""

    async def epoch(self) -> str:
        """The epoch to write under, from memory, or from Postgres the first time and after `StaleEpoch`.

        Read it *before* the transaction whose sessions are then written. It was in Redis before it was in Postgres, so
        a session read after the epoch is at least as new as all that Redis lost before that epoch began. Raises
        `DependencyUnavailable("postgres")`; Redis may be away.
        """
        raise NotImplementedError

    async def write(self, sessions: Sequence[DeviceSession], epoch: str) -> Sequence[DeviceSession]:
        """Write record and stream entry of each session, in this order, all or none; return those that were kept revoked.

        A record that says revoked is never replaced by one that says active; such a session is returned. Repeats are
        harmless. Raises `StaleEpoch` (nothing was written) and `DependencyUnavailable("redis")` (outcome unknown).
        """
        raise NotImplementedError
