"""Flow: erase a user."""

from functools import partial
from typing import TypeVar

from services.internal_admin.changes.flow import Change
from services.internal_admin.users import user_deletion
from services.internal_admin.users.user_deletion_domain import DeleteUser, DeleteUserOutcome

ResultT = TypeVar("ResultT")


async def delete_user(command: DeleteUser, change: Change[DeleteUserOutcome, ResultT]) -> ResultT:
    """Erase, and return when gateways can see the revocations. A repeat finds no user."""
    return await change.make_in_parts(partial(user_deletion.delete_user, command=command))
