"""The interface to a user service. Its types come from the contract (SPEC §8)."""

from datetime import timedelta
from typing import Protocol

from contracts.user_service import Ensured, RegistrationContext, Resolution


class UserDirectory(Protocol):
    """The users of another service, which decides who may log in.

    None in place of a directory means mode `stub`: users live in our own Postgres, and the statement of a login finds
    or makes them.

    Every call may be repeated. It raises `DependencyUnavailable("user_service")` if no answer comes in time, or if the
    answer breaks the contract or contradicts itself. Whether the call had an effect is then unknown.
    """

    @property
    def timeout(self) -> timedelta:
        """Maximum duration of one call. An earlier deadline of the caller also holds."""
        ...

    async def resolve_by_email(self, email: str) -> Resolution:
        """The answer that a login by `email` would get from the service. Changes nothing."""
        ...

    async def ensure_by_email(self, email: str, registration: RegistrationContext) -> Ensured:
        """The user of `email`. If there is none, the service makes one from `registration`, or refuses."""
        ...

    async def exists(self, user_id: str) -> bool:
        """Whether there is such a user."""
        ...

    async def block_user(self, user_id: str, reason_code: str) -> bool:
        """Block a user. False if the service does not know the user."""
        ...

    async def block_email(self, email: str, reason_code: str) -> bool:
        """Block an address. False if the service does not know the address."""
        ...
