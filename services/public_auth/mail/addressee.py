"""Asks whether an address may be mailed, if users live in a user service (SPEC §8).

Only the courier asks. A send answers without knowing, so its answer can reveal nothing (SPEC §3.4).
"""

from collections.abc import Awaitable, Callable

from contracts.user_service import BlockedUser
from shared.users.directory import UserDirectory

MayBeMailed = Callable[[str], Awaitable[bool]]
"""Whether a code may be mailed to an address. Raises `DependencyUnavailable` if unknown; the mail then waits."""


async def anyone(_email: str) -> bool:
    """Always True, for users in our own Postgres: the send itself has checked the blocks."""
    return True


def unless_blocked_by(users: UserDirectory) -> MayBeMailed:
    """Asks the user service whether the user of the address is blocked."""

    async def may_be_mailed(email: str) -> bool:
        return not isinstance(await users.resolve_by_email(email), BlockedUser)

    return may_be_mailed
