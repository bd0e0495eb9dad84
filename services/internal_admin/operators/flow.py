"""Flow: an operator logs in with a password."""

from functools import partial

from services.internal_admin.operators.account_flow import AccountFlow
from services.internal_admin.operators.domain.login import LoggedIn, LogIn, LogInOutcome
from services.internal_admin.operators.metrics import count_log_in
from services.internal_admin.operators.store import login
from services.internal_admin.operators.store.accounts import read_account


async def log_in(command: LogIn, flow: AccountFlow) -> LogInOutcome:
    """Read, hash, decide. Known or not, locked, disabled or wrong: the same statements and one hash (SPEC §10.6).

    No connection is held while hashing, and nothing at all while waiting for a turn. Cancelled, it has logged in or
    counted, or neither.
    """
    async with flow.hasher.turn():
        account = await flow.postgres.unit_of_work(partial(read_account, user_name=command.user_name))
        hashed = account and account.password_hash
        is_right = await flow.hasher.verify(hashed, command.password)
        is_outdated = is_right and hashed is not None and flow.hasher.is_outdated(hashed)
        new_hash = await flow.hasher.hash(command.password) if is_outdated else None
        judged = login.JudgedLogIn(account, is_right, new_hash, flow.opening(command.client), command.caller)
        outcome = await flow.postgres.unit_of_work(partial(login.log_in, judged=judged, lockout=flow.lockout))
    count_log_in("logged_in" if isinstance(outcome, LoggedIn) else outcome.fault)
    return outcome
