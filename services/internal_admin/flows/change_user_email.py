"""Flow: give a user another address."""

from functools import partial
from typing import TypeVar

from services.internal_admin.changes.flow import Change
from services.internal_admin.domain.email_change import ChangeUserEmail, ChangeUserEmailOutcome
from services.internal_admin.store import email_change

ResultT = TypeVar("ResultT")


async def change_user_email(command: ChangeUserEmail, change: Change[ChangeUserEmailOutcome, ResultT]) -> ResultT:
    """Change the address. A repeat finds it changed, and changes nothing."""
    return await change.make(partial(email_change.change_user_email, command=command))
