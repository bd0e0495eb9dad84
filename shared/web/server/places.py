"""Who has a place on a listener: connections are bounded in all and for each network, and the idle make room.

A place that waits for its client (for a head, for a body, for an answer to be read) can be taken: ending it loses no
work of ours. One whose request is being handled cannot.
"""

import heapq
import resource
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

MAX_CONNECTIONS = 1024
"""Of one listener. Memory and files are bounded so."""
NETWORK_SHARE = 2
"""One network has at most this part of them: 1/2."""
_BATCH_SHARE = 64
"""At the bound this part of the places is cleared at once, so that looking at all of them is rare."""


class Connection(Protocol):
    """What is needed of `shared.web.server.http_connection.HttpConnection`."""

    @property
    def is_waiting(self) -> bool: ...

    @property
    def worth(self) -> tuple[bool, float]: ...

    def close(self) -> None: ...


class Places:
    """The places of one listener. A network of None is not bounded: trusted proxies, and peers on a Unix socket."""

    def __init__(self) -> None:
        self._networks: dict[Connection, str | None] = {}
        self._counts: Counter[str | None] = Counter()

    def take(self, connection: Connection, network: str | None) -> bool:
        """Give `connection` a place among those of `network`, or move it there; False if there is none to be had."""
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

    def leave(self, connection: Connection) -> None:
        """Its place is free, if it has one."""
        if connection in self._networks:
            network = self._networks.pop(connection)
            self._counts[network] -= 1
            if not self._counts[network]:
                del self._counts[network]

    def _make_room(self, among: Iterable[Connection]) -> bool:
        """End those that are worth least; False if all are being answered."""
        waiting = [each for each in among if each.is_waiting]
        for each in heapq.nsmallest(max(1, most_connections() // _BATCH_SHARE), waiting, key=self._worth):
            each.close()
            self.leave(each)
        return bool(waiting)

    def _worth(self, connection: Connection) -> tuple[int, bool, float]:
        """Less is a connection of the network that holds the most places."""
        network = self._networks[connection]
        return (0 if network is None else -self._counts[network], *connection.worth)


def most_connections() -> int:
    """Half of what the process may open at most: Postgres, Redis and another listener need theirs."""
    return min(MAX_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
