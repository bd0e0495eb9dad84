"""Flow: look a user of the local directory up by e-mail, or list all."""

from functools import partial
from typing import TypeVar

from services.internal_admin.callers.page import Page
from services.internal_admin.changes.flow import Change
from services.internal_admin.users import store
from services.internal_admin.users.domain import (
    ChangeUserEmail,
    ChangeUserEmailOutcome,
    DeleteUser,
    DeleteUserOutcome,
    User,
)
from shared.io.postgres import Postgres
from shared.kernel.email_address import EmailAddress
from shared.users.directory import UserDirectory


async def read_user(email: EmailAddress, postgres: Postgres, directory: UserDirectory | None) -> User | None:
    """The user of an address in any spelling (SPEC §2.3); None if there is none.

    A `directory` may know two users by two spellings: with it the address is taken as typed.
    """
    return await postgres.unit_of_work(partial(store.read_user, email=email, as_typed=directory is not None))


async def list_users(after: str | None, limit: int, postgres: Postgres) -> Page[User]:
    """By id, from the last: of ours the newest first. Those `after` an id, or from the first on."""
    return await postgres.unit_of_work(partial(store.list_users, after=after, limit=limit))


ResultT = TypeVar("ResultT")


async def delete_user(command: DeleteUser, change: Change[DeleteUserOutcome, ResultT]) -> ResultT:
    """Erase, and return when gateways can see the revocations. A repeat finds no user."""
    return await change.make_in_parts(partial(store.delete_user, command=command))


async def change_user_email(command: ChangeUserEmail, change: Change[ChangeUserEmailOutcome, ResultT]) -> ResultT:
    """Change the address. A repeat finds it changed, and changes nothing."""
    return await change.make(partial(store.change_user_email, command=command))
