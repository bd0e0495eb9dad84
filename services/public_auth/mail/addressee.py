"""Who may be written to where users live elsewhere (SPEC §8): the courier asks the user service, a send never does.

A send answers without knowing whether it may be mailed, so it can tell nobody (SPEC §3.4).
"""

from collections.abc import Awaitable, Callable

from contracts.user_service import BlockedUser
from shared.users.directory import UserDirectory

MayBeMailed = Callable[[str], Awaitable[bool]]
"""Whether a code may be mailed to an address. Raises `DependencyUnavailable` if that is unknown: the mail waits."""


async def anyone(_email: str) -> bool:
    """Where users live in our own Postgres: the send itself has looked at the blocks."""
    return True


def unless_blocked_by(users: UserDirectory) -> MayBeMailed:
    """Where the user service has a say."""

    async def may_be_mailed(email: str) -> bool:
        return not isinstance(await users.resolve_by_email(email), BlockedUser)

    return may_be_mailed
