"""Limits the connections of a listener, in total and of each network. Idle connections make room for new ones.

A connection that waits for its client may be ended, because that loses no work. It waits for a head, for a body, or for
an answer to be read. A connection whose request is being handled keeps its place.

A connection whose request was held (`shared.web.holding`) moves to a place that is not counted with the others, nor for
its network: its caller was authenticated, and 4,096 such callers may come through one address.
"""

import heapq
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from shared.web.holding import most_held, open_files

MAX_CONNECTIONS = 1024
"""Maximum number of connections of a listener, which limits memory and open files."""
NETWORK_SHARE = 2
"""A network may have 1/2 of the connections."""
_BATCH_SHARE = 64
"""A full listener ends up to 1/64 of its connections at once, so that it seldom looks at all of them."""


class Connection(Protocol):
    """The part of `shared.web.server.http_connection.HttpConnection` that places need."""

    @property
    def is_waiting(self) -> bool: ...

    @property
    def worth(self) -> tuple[bool, float]: ...

    def close(self) -> None: ...


class Places:
    """The places on a listener. Trusted proxies and peers on a Unix socket have the network None, without a limit."""

    def __init__(self) -> None:
        self._networks: dict[Connection, str | None] = {}
        self._kept: set[Connection] = set()
        self._counts: Counter[str | None] = Counter()

    def take(self, connection: Connection, network: str | None) -> bool:
        """Give `connection` a place of `network`, or move it there. False if no place is free or can be freed."""
        self.leave(connection)
        if network is not None and self._counts[network] >= most_connections() // NETWORK_SHARE:
            those = (each for each, its_network in self._networks.items() if its_network == network)
            if not self._make_room(those):
                return False
        if len(self._networks) >= most_connections() and not self._make_room(self._networks):
            return False
        self._networks[connection] = network
        self._counts[network] += 1
        return True

    def keep(self, connection: Connection) -> None:
        """Move `connection`, whose request is held, to the places for those. If none can be freed, it stays."""
        if connection in self._networks and (len(self._kept) < most_held() or self._make_room(self._kept)):
            self.leave(connection)
            self._kept.add(connection)

    def leave(self, connection: Connection) -> None:
        """Free the place of `connection`, if it has one."""
        self._kept.discard(connection)
        if connection in self._networks:
            network = self._networks.pop(connection)
            self._counts[network] -= 1
            if not self._counts[network]:
                del self._counts[network]

    def _make_room(self, among: Iterable[Connection]) -> bool:
        """End the waiting connections with the least worth. False if none waits."""
        waiting = [each for each in among if each.is_waiting]
        for each in heapq.nsmallest(max(1, most_connections() // _BATCH_SHARE), waiting, key=self._worth):
            each.close()
            self.leave(each)
        return bool(waiting)

    def _worth(self, connection: Connection) -> tuple[int, bool, float]:
        """The worth of a connection. It is least for the network with the most places."""
        network = self._networks.get(connection)
        return (0 if network is None else -self._counts[network], *connection.worth)


def most_connections() -> int:
    """The limit now: at most half of the files that the process may open, as Postgres, Redis and others need some."""
    return min(MAX_CONNECTIONS, open_files() // 2)
