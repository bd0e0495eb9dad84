"""Asks whether an address may be mailed, if users live in a user service (SPEC §8).

Only the courier asks. A send answers without knowing, so its answer can reveal nothing (SPEC §3.4).
"""

from typing import Literal, Protocol, TypeAlias

from contracts.user_service import BlockedUser, CreatableUser
from shared.users.directory import UserDirectory

WhyNot: TypeAlias = Literal["user_service", "sign_up"]


class Examined(Protocol):
    """Tells why no code may be mailed to an address, or None if one may.

    Raises `DependencyUnavailable` if unknown; the mail then waits.
    """

    async def __call__(self, email: str, *, may_sign_up: bool) -> WhyNot | None:
        """`may_sign_up` says whether a new user of the address may sign up."""
        ...


async def anyone(email: str, *, may_sign_up: bool) -> WhyNot | None:
    """Always None, for users in our own Postgres: the send itself has checked blocks and sign-up."""
    del email, may_sign_up
    return None


def as_known_to(users: UserDirectory) -> Examined:
    """Asks the user service whether the user of the address is blocked, or new where no new user may sign up."""

    async def examined(email: str, *, may_sign_up: bool) -> WhyNot | None:
        match await users.resolve_by_email(email):
            case BlockedUser():
                return "user_service"
            case CreatableUser() if not may_sign_up:
                return "sign_up"
            case _:
                return None

    return examined
