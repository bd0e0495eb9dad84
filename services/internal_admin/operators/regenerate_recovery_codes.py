"""Flow: an operator in a session has new recovery codes."""

from functools import partial

from services.internal_admin.operators.account_flow import AccountFlow
from services.internal_admin.operators.domain.login import InvalidCredentials
from services.internal_admin.operators.domain.password_change import (
    RecoveryCodesRegenerated,
    RegenerateOutcome,
    RegenerateRecoveryCodes,
)
from services.internal_admin.operators.domain.recovery_code import new_recovery_codes, shown_recovery_code
from services.internal_admin.operators.store import password_change
from services.internal_admin.operators.store.accounts import read_account

_EVENT = "security.regenerate_recovery_codes"


async def regenerate_recovery_codes(command: RegenerateRecoveryCodes, flow: AccountFlow) -> RegenerateOutcome:
    """Asks for the password, as `change_password` does: the codes are worth as much as it is."""
    async with flow.hasher.turn():
        account = await flow.postgres.unit_of_work(partial(read_account, operator_id=command.operator.operator_id))
        is_right = await flow.hasher.verify(account and account.password_hash, command.current_password)
        if account is None or not is_right:
            refused = InvalidCredentials("wrong_password")
            await flow.audit_refusal(_EVENT, refused, account, command.caller)
            return refused
        codes = new_recovery_codes(flow.entropy)
        hashes = await flow.hasher.hash_all(codes)
        refused = await flow.postgres.unit_of_work(
            partial(password_change.regenerate_recovery_codes, account=account, code_hashes=hashes, command=command)
        )
        return refused or RecoveryCodesRegenerated(tuple(map(shown_recovery_code, codes)))
