"""Flow: give a user another address."""

from functools import partial
from typing import TypeVar

from services.internal_admin.changes.flow import Change
from services.internal_admin.users import email_change
from services.internal_admin.users.email_change_domain import ChangeUserEmail, ChangeUserEmailOutcome

ResultT = TypeVar("ResultT")


async def change_user_email(command: ChangeUserEmail, change: Change[ChangeUserEmailOutcome, ResultT]) -> ResultT:
    """Change the address. A repeat finds it changed, and changes nothing."""
    return await change.make(partial(email_change.change_user_email, command=command))
