"""Makes Redis agree with Postgres about users of nodes. Any process may do so at any time."""

from collections.abc import Sequence

from contracts.gateway import GatewayKeys
from services.internal_admin.callers.identity import Caller
from services.internal_admin.node_redis_users.domain import Renewed, outcome_of, username_of
from services.internal_admin.node_redis_users.store import read_passwords, write_password
from shared.io.postgres import Postgres
from shared.io.redis import Redis
from shared.kernel.redis_rules import gateway_rules, pattern_of_records
from shared.lifecycle.supervision import Signal


class NodeUsers:
    """The users of nodes in one Redis. `revoked` wakes the worker that deletes users of revoked nodes."""

    def __init__(self, postgres: Postgres, redis: Redis, keys: GatewayKeys) -> None:
        self.revoked = Signal()
        self._postgres = postgres
        self._redis = redis
        self._rules = gateway_rules(keys)
        self._pattern = pattern_of_records(keys)

    async def renew(self, node_id: str, password_hash: bytes, signed_at_ms: int, caller: Caller) -> Renewed:
        """Give the node a new password, known by its hash. The old one ends; open connections stay.

        A request that was not signed after the last one changes nothing, so a copy of it ends no password.

        Raises `DependencyUnavailable`. After one of Redis the old password has ended and the new one is not handed out:
        the node asks again.
        """
        await self._postgres.unit_of_work(write_password, node_id, password_hash, signed_at_ms, caller)
        return outcome_of(password_hash, (await self.settle([node_id])).get(node_id))

    async def settle(self, node_ids: Sequence[str]) -> dict[str, bytes]:
        """Set the users of these nodes as Postgres has them, or delete them. Returns the hashes that hold now.

        It looks at Postgres again after the last change of Redis. So the newest change is never overwritten for good
        by a slower one: whoever wrote an older one sees it and repairs it.
        """
        applied: dict[str, bytes | None] = {}
        while True:
            wanted = dict(await self._postgres.unit_of_work(read_passwords, node_ids))
            changed = [each for each in node_ids if each not in applied or applied[each] != wanted.get(each)]
            if not changed:
                return wanted
            for node_id in changed:
                await self._apply(node_id, wanted.get(node_id))
                applied[node_id] = wanted.get(node_id)

    async def usernames(self) -> list[str]:
        """The names of all users of Redis."""
        return await self._redis.acl_users()

    async def is_ours(self, username: str) -> bool:
        """Whether the user reads this installation's records. Another installation on the same Redis has its own."""
        return self._pattern in await self._redis.acl_key_patterns(username)

    async def _apply(self, node_id: str, password_hash: bytes | None) -> None:
        username = username_of(node_id)
        if password_hash is None:
            await self._redis.acl_delete_user(username)
        else:
            await self._redis.acl_set_user(username, ("reset", "on", f"#{password_hash.hex()}", *self._rules))
