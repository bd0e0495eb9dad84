"""Flow: an operator in a session changes the password."""

from functools import partial

from services.internal_admin.operators.account_flow import AccountFlow
from services.internal_admin.operators.domain.login import InvalidCredentials
from services.internal_admin.operators.domain.password import PasswordRefused, password_fault
from services.internal_admin.operators.domain.password_change import ChangePassword, ChangePasswordOutcome
from services.internal_admin.operators.store import password_change
from services.internal_admin.operators.store.accounts import read_account

_EVENT = "security.change_password"


async def change_password(command: ChangePassword, flow: AccountFlow) -> ChangePasswordOutcome:
    """The current password is asked for again: a session left open is not enough. A lockout does not matter here, and
    what is wrong counts for none: whoever guesses from outside shuts out nobody who is in."""
    async with flow.hasher.turn():
        account = await flow.postgres.unit_of_work(partial(read_account, operator_id=command.operator.operator_id))
        is_right = await flow.hasher.verify(account and account.password_hash, command.current_password)
        if account is None or not is_right:
            refused = InvalidCredentials("wrong_password")
            await flow.audit_refusal(_EVENT, refused, account, command.caller)
            return refused
        fault = password_fault(command.new_password, account.owner, account.min_password_length)
        if fault is not None:
            await flow.audit_refusal(
                _EVENT, PasswordRefused(fault, account.min_password_length), account, command.caller
            )
            return PasswordRefused(fault, account.min_password_length)
        hashed = await flow.hasher.hash(command.new_password)
        return await flow.postgres.unit_of_work(
            partial(password_change.change_password, account=account, password_hash=hashed, command=command)
        )
