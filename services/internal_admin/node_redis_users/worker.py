"""Deletes the users of revoked nodes, and makes users again that Redis lost, as after a restart."""

import logging
from datetime import timedelta

import trio

from services.internal_admin.node_redis_users.domain import difference, next_in_turn
from services.internal_admin.node_redis_users.flow import NodeUsers
from services.internal_admin.node_redis_users.store import read_node_ids, read_revoked, write_deleted
from shared.io.postgres import Postgres
from shared.kernel.entropy import Entropy
from shared.leases.lease import Lease, lease
from shared.lifecycle.supervision import weather

LEASE = "node_redis_users"
BATCH = 500
REVOKED_IDLE = timedelta(milliseconds=500)
COMPARED_EVERY = timedelta(seconds=2)
AGAIN = 50
"""How many users are set again at each comparison although Redis has them, in turn: Redis may have an old password."""

_log = logging.getLogger("authsession.node_redis_users")


class RevokedUsers:
    """The step of a worker in every process. It needs no lease: a repeated deletion is harmless."""

    def __init__(self, postgres: Postgres, users: NodeUsers) -> None:
        self._postgres = postgres
        self._users = users

    async def step(self) -> int:
        """Delete users of revoked nodes. Without Redis the rows stay, and a later step does it."""
        revoked = await self._postgres.unit_of_work(read_revoked, BATCH)
        if revoked:
            await self._users.settle(revoked)
            await self._postgres.unit_of_work(write_deleted, revoked)
        return len(revoked)


class NodeUserKeeper:
    """Compares the users of Redis with Postgres. Run one in every process; a lease lets one of them work."""

    def __init__(self, postgres: Postgres, users: NodeUsers, entropy: Entropy) -> None:
        self._postgres = postgres
        self._users = users
        self._entropy = entropy
        self._last = ""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Compare, or wait for the lease, until cancelled. While a server is away it waits and tries again."""
        task_status.started()
        while True:
            with weather("node redis users"):
                async with lease(self._postgres, LEASE, self._entropy) as held:
                    while held is not None:
                        if await self.compare(held) < BATCH:
                            await trio.sleep(COMPARED_EVERY.total_seconds())
            await trio.sleep(COMPARED_EVERY.total_seconds())

    async def compare(self, held: Lease) -> int:
        """Make up to 500 missing users, and delete up to 500 strangers. Returns the larger number of the two.

        Redis is read before Postgres: a user is in Postgres before it is in Redis.
        """
        usernames = await self._users.usernames()
        node_ids = await held.unit_of_work(read_node_ids)
        found = difference(usernames, node_ids)
        missing, strangers = found.missing[:BATCH], await self._strangers(found.strangers[:BATCH])
        again = next_in_turn(node_ids, self._last, AGAIN)
        self._last = again[-1] if again else ""
        await self._users.settle(list(dict.fromkeys((*missing, *strangers, *again))))
        if missing or strangers:
            _log.info("redis users of nodes corrected", extra={"count": len(missing) + len(strangers)})
        return max(len(missing), len(strangers))

    async def _strangers(self, usernames: tuple[str, ...]) -> list[str]:
        return [each for each in usernames if await self._users.is_ours(each)]
