"""The port to a user service. Types are the contract's; faults are `DependencyUnavailable("user_service")`."""

from datetime import timedelta
from typing import Protocol

from contracts.user_service import Ensured, RegistrationContext, Resolution


class UserDirectory(Protocol):
    """Who may log in, as another service knows it.

    `None` in its place means mode `stub`: users live in our own Postgres, where the statement of the login itself
    finds or makes them, and no call is worth its name.

    Every call may be repeated. Each raises `DependencyUnavailable("user_service")` when there is no answer in time, or
    one that is not of the contract's form or contradicts itself: never a guess, and nothing is known to have happened.
    """

    @property
    def timeout(self) -> timedelta:
        """How long one call may take at most; a nearer deadline of the caller's holds as well."""
        ...

    async def resolve_by_email(self, email: str) -> Resolution:
        """What the service would make of a login by `email`; changes nothing."""
        ...

    async def ensure_by_email(self, email: str, registration: RegistrationContext) -> Ensured:
        """The user of `email`, made from `registration` if there is none and there may be one."""
        ...

    async def exists(self, user_id: str) -> bool:
        """Whether there is such a user."""
        ...

    async def block_user(self, user_id: str, reason_code: str) -> bool:
        """Block a user; False when the service knows no such user."""
        ...

    async def block_email(self, email: str, reason_code: str) -> bool:
        """Block an address; False when the service knows no such address."""
        ...
