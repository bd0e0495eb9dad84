"""Login, password changes and recovery codes of operators: read, hash, decide, write (SPEC §10.3–§10.6)."""

from dataclasses import dataclass
from datetime import timedelta

from contracts.audit_events import EventName
from services.internal_admin.callers.identity import Caller
from services.internal_admin.callers.secret import new_secret
from services.internal_admin.operator_sessions.domain import SessionClient
from services.internal_admin.operators.domain.account import Account, SessionOpening
from services.internal_admin.operators.domain.login import (
    CredentialFault,
    InvalidCredentials,
    Lockout,
    LoggedIn,
    LogIn,
    LogInOutcome,
)
from services.internal_admin.operators.domain.password import PasswordRefused, password_fault
from services.internal_admin.operators.domain.password_change import (
    ChangePassword,
    ChangePasswordOutcome,
    PasswordRecovered,
    RecoverPassword,
    RecoverPasswordOutcome,
    RecoveryCodesRegenerated,
    RegenerateOutcome,
    RegenerateRecoveryCodes,
)
from services.internal_admin.operators.domain.readable_code import read_readable_code
from services.internal_admin.operators.domain.recovery_code import (
    new_recovery_codes,
    shown_recovery_code,
)
from services.internal_admin.operators.hashing import PasswordHasher
from services.internal_admin.operators.metrics import count_log_in
from services.internal_admin.operators.store import accounts
from services.internal_admin.operators.store.accounts import audit_refusal, read_account
from shared.io.postgres import Postgres
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.ids import new_operator_session_id

_CHANGE = EventName.CHANGE_PASSWORD
_RECOVER = EventName.RECOVER_PASSWORD
_REGENERATE = EventName.REGENERATE_RECOVERY_CODES


@dataclass(frozen=True, slots=True)
class AccountFlow:
    """The parts that these flows share. `session_life` is the absolute life of a session."""

    postgres: Postgres
    hasher: PasswordHasher
    clock: Clock
    entropy: Entropy
    lockout: Lockout
    session_life: timedelta

    def opening(self, client: SessionClient) -> SessionOpening:
        """A new session, to be opened if the request succeeds."""
        operator_session_id = new_operator_session_id(self.clock, self.entropy)
        return SessionOpening(operator_session_id, new_secret(self.entropy), client, self.session_life)

    async def audit_refusal(
        self, event: EventName, refused: InvalidCredentials | PasswordRefused, account: Account | None, caller: Caller
    ) -> None:
        """Append the audit row of an attempt that changed nothing, in a unit of work of its own."""
        await self.postgres.unit_of_work(audit_refusal, event, refused, account, caller)


async def log_in(command: LogIn, flow: AccountFlow) -> LogInOutcome:
    """Log an operator in. Every refusal takes the same statements and one hash, known name or not (SPEC §10.6).

    No connection is held while hashing, and nothing at all while waiting for a turn. A cancelled call has either logged
    in or counted a failure, or done neither.
    """
    async with flow.hasher.turn():
        account = await flow.postgres.unit_of_work(read_account, user_name=command.user_name)
        hashed = account and account.password_hash
        is_right = await flow.hasher.verify(hashed, command.password)
        is_outdated = is_right and hashed is not None and flow.hasher.is_outdated(hashed)
        new_hash = await flow.hasher.hash(command.password) if is_outdated else None
        judged = accounts.JudgedLogIn(account, is_right, new_hash, flow.opening(command.client), command.caller)
        outcome = await flow.postgres.unit_of_work(accounts.log_in, judged, flow.lockout)
    count_log_in("logged_in" if isinstance(outcome, LoggedIn) else outcome.fault)
    return outcome


async def change_password(command: ChangePassword, flow: AccountFlow) -> ChangePasswordOutcome:
    """Change the password. The current one is asked for again, because a session left open is not enough.

    A lockout does not matter here, and a wrong password does not count towards one. So a guesser from outside shuts out
    no operator who is logged in.
    """
    async with flow.hasher.turn():
        account = await flow.postgres.unit_of_work(read_account, operator_id=command.operator.operator_id)
        is_right = await flow.hasher.verify(account and account.password_hash, command.current_password)
        if account is None or not is_right:
            refused = InvalidCredentials("wrong_password")
            await flow.audit_refusal(_CHANGE, refused, account, command.caller)
            return refused
        fault = password_fault(command.new_password, account.owner, account.min_password_length)
        if fault is not None:
            await flow.audit_refusal(
                _CHANGE, PasswordRefused(fault, account.min_password_length), account, command.caller
            )
            return PasswordRefused(fault, account.min_password_length)
        hashed = await flow.hasher.hash(command.new_password)
        return await flow.postgres.unit_of_work(
            accounts.change_password, account, password_hash=hashed, command=command
        )


async def recover_password(command: RecoverPassword, flow: AccountFlow) -> RecoverPasswordOutcome:
    """Set a new password by a recovery code. A lockout does not matter.

    Each attempt takes one hash, whatever the name. Only success uses up a right code; of any number of attempts with
    one code, one succeeds. A weak new password is told only to the holder of a right code.
    """
    async with flow.hasher.turn():
        account = await flow.postgres.unit_of_work(read_account, user_name=command.user_name)
        code = read_readable_code(command.recovery_code) or ""
        is_right = await flow.hasher.is_among(account and account.recovery_code_hashes, code)
        fault = _fault(account, is_right=is_right)
        if account is None or fault is not None:
            refused = InvalidCredentials(fault or "unknown_user_name")
            await flow.audit_refusal(_RECOVER, refused, account, command.caller)
            return refused
        weakness = password_fault(command.new_password, account.owner, account.min_password_length)
        if weakness is not None:
            await flow.audit_refusal(
                _RECOVER, PasswordRefused(weakness, account.min_password_length), account, command.caller
            )
            return PasswordRefused(weakness, account.min_password_length)
        return await _recover(command, account, flow)


async def regenerate_recovery_codes(command: RegenerateRecoveryCodes, flow: AccountFlow) -> RegenerateOutcome:
    """Replace all recovery codes. It asks for the password too, because the codes are worth as much."""
    async with flow.hasher.turn():
        account = await flow.postgres.unit_of_work(read_account, operator_id=command.operator.operator_id)
        is_right = await flow.hasher.verify(account and account.password_hash, command.current_password)
        if account is None or not is_right:
            refused = InvalidCredentials("wrong_password")
            await flow.audit_refusal(_REGENERATE, refused, account, command.caller)
            return refused
        codes = new_recovery_codes(flow.entropy)
        hashes = await flow.hasher.hash_all(codes)
        refused = await flow.postgres.unit_of_work(
            accounts.regenerate_recovery_codes, account, code_hashes=hashes, command=command
        )
        return refused or RecoveryCodesRegenerated(tuple(map(shown_recovery_code, codes)))


def _fault(account: Account | None, *, is_right: bool) -> CredentialFault | None:
    if account is None:
        return "unknown_user_name"
    if account.is_disabled:
        return "disabled"
    return None if is_right else "wrong_recovery_code"


async def _recover(command: RecoverPassword, account: Account, flow: AccountFlow) -> RecoverPasswordOutcome:
    """Write the recovery. New codes replace the used one and the others, so that no operator is left without codes."""
    codes, opening = new_recovery_codes(flow.entropy), flow.opening(command.client)
    hashed, code_hashes = await flow.hasher.hash(command.new_password), await flow.hasher.hash_all(codes)
    outcome = await flow.postgres.unit_of_work(
        accounts.recover_password,
        account=account,
        password_hash=hashed,
        code_hashes=code_hashes,
        opening=opening,
        caller=command.caller,
    )
    if isinstance(outcome, InvalidCredentials):
        return outcome
    return PasswordRecovered(outcome, opening.token, tuple(map(shown_recovery_code, codes)))
