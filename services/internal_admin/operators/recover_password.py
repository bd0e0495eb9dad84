"""Flow: an operator who is shut out gets back in with a recovery code."""

from functools import partial

from services.internal_admin.operators.account_flow import AccountFlow
from services.internal_admin.operators.domain.account import Account
from services.internal_admin.operators.domain.login import CredentialFault, InvalidCredentials
from services.internal_admin.operators.domain.password import PasswordRefused, password_fault
from services.internal_admin.operators.domain.password_change import (
    PasswordRecovered,
    RecoverPassword,
    RecoverPasswordOutcome,
)
from services.internal_admin.operators.domain.readable_code import read_readable_code
from services.internal_admin.operators.domain.recovery_code import new_recovery_codes, shown_recovery_code
from services.internal_admin.operators.store import password_change
from services.internal_admin.operators.store.accounts import read_account

_EVENT = "security.recover_password"


async def recover_password(command: RecoverPassword, flow: AccountFlow) -> RecoverPasswordOutcome:
    """A lockout does not matter. One hash per attempt, whatever the name; a code that fits is used up only by success,
    and of any number of attempts with it, one succeeds. Whether the new password will do is told to its holder only."""
    async with flow.hasher.turn():
        account = await flow.postgres.unit_of_work(partial(read_account, user_name=command.user_name))
        code = read_readable_code(command.recovery_code) or ""
        is_right = await flow.hasher.is_among(account and account.recovery_code_hashes, code)
        fault = _fault(account, is_right=is_right)
        if account is None or fault is not None:
            refused = InvalidCredentials(fault or "unknown_user_name")
            await flow.audit_refusal(_EVENT, refused, account, command.caller)
            return refused
        weakness = password_fault(command.new_password, account.owner, account.min_password_length)
        if weakness is not None:
            await flow.audit_refusal(
                _EVENT, PasswordRefused(weakness, account.min_password_length), account, command.caller
            )
            return PasswordRefused(weakness, account.min_password_length)
        return await _recover(command, account, flow)


def _fault(account: Account | None, *, is_right: bool) -> CredentialFault | None:
    if account is None:
        return "unknown_user_name"
    if account.is_disabled:
        return "disabled"
    return None if is_right else "wrong_recovery_code"


async def _recover(command: RecoverPassword, account: Account, flow: AccountFlow) -> RecoverPasswordOutcome:
    """Nobody is left without codes: the used one and its rest are replaced by new ones."""
    codes, opening = new_recovery_codes(flow.entropy), flow.opening(command.client)
    hashed, code_hashes = await flow.hasher.hash(command.new_password), await flow.hasher.hash_all(codes)
    outcome = await flow.postgres.unit_of_work(
        partial(
            password_change.recover_password,
            account=account,
            password_hash=hashed,
            code_hashes=code_hashes,
            opening=opening,
            caller=command.caller,
        )
    )
    if isinstance(outcome, InvalidCredentials):
        return outcome
    return PasswordRecovered(outcome, opening.token, tuple(map(shown_recovery_code, codes)))
