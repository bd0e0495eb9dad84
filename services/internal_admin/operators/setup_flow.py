"""Flow: the first owner is claimed (SPEC §10.1)."""

import logging

import trio

from services.internal_admin.callers.secret import new_secret
from services.internal_admin.operators.domain.login import InvalidCredentials
from services.internal_admin.operators.domain.owner_setup import (
    ExchangeOutcome,
    ExchangeSetupCode,
    OwnerExists,
    OwnerRegistered,
    OwnerSetup,
    RegisterOwner,
    RegisterOwnerOutcome,
    registration_refusal,
)
from services.internal_admin.operators.domain.password import PasswordRefused, password_fault
from services.internal_admin.operators.domain.recovery_code import new_recovery_codes, shown_recovery_code
from services.internal_admin.operators.flow import AccountFlow
from services.internal_admin.operators.store import setup as store
from services.internal_admin.operators.store.setup import read_owner_setup
from shared.io.postgres import Postgres
from shared.kernel.ids import new_operator_id
from shared.lifecycle.supervision import weather


async def exchange_setup_code(command: ExchangeSetupCode, flow: AccountFlow) -> ExchangeOutcome:
    """A registration token for the setup code, which is used up. A repeat is refused: a new code is a command away."""
    token = new_secret(flow.entropy)
    return await flow.postgres.unit_of_work(store.exchange_setup_code, command, token)


async def register_owner(command: RegisterOwner, flow: AccountFlow) -> RegisterOwnerOutcome:
    """Nothing is hashed for whoever may not register, and a weak password uses nothing up."""
    async with flow.hasher.turn():
        setup = await flow.postgres.unit_of_work(store.read_owner_setup, command.registration_token)
        refused = _refused(setup, command)
        if refused is None:
            return await _register(command, flow)
        await flow.postgres.unit_of_work(store.audit_registration_refusal, refused, command.caller)
        return refused


async def weak_password(command: RegisterOwner, flow: AccountFlow) -> PasswordRefused | None:
    """Why the password of somebody who may register will not do. One read: it comes before the limit of attempts."""
    setup = await flow.postgres.unit_of_work(store.read_owner_setup, command.registration_token)
    refused = _refused(setup, command)
    if not isinstance(refused, PasswordRefused):
        return None
    await flow.postgres.unit_of_work(store.audit_registration_refusal, refused, command.caller)
    return refused


def _refused(setup: OwnerSetup, command: RegisterOwner) -> OwnerExists | InvalidCredentials | PasswordRefused | None:
    """Whether a password will do is told only to who may register."""
    refused = registration_refusal(setup, command)
    if refused is not None:
        return refused
    fault = password_fault(command.password, command.owner, setup.min_password_length)
    return None if fault is None else PasswordRefused(fault, setup.min_password_length)


async def _register(command: RegisterOwner, flow: AccountFlow) -> RegisterOwnerOutcome:
    codes, opening = new_recovery_codes(flow.entropy), flow.opening(command.client)
    hashed, code_hashes = await flow.hasher.hash(command.password), await flow.hasher.hash_all(codes)
    outcome = await flow.postgres.unit_of_work(
        store.register_owner,
        command=command,
        operator_id=new_operator_id(flow.clock, flow.entropy),
        password_hash=hashed,
        code_hashes=code_hashes,
        opening=opening,
    )
    if isinstance(outcome, OwnerExists | InvalidCredentials):
        return outcome
    return OwnerRegistered(outcome, opening.token, tuple(map(shown_recovery_code, codes)))


_log = logging.getLogger("authsession.operators.owner_reminder")
_PATIENCE_SECONDS = 5.0


async def remind_of_owner(postgres: Postgres) -> None:
    """Ends when Postgres has answered, however long that takes."""
    while True:
        with weather("owner reminder"):
            setup = await postgres.unit_of_work(read_owner_setup, registration_token=None)
            if not setup.has_owner:
                _log.info("there is no owner yet: `authsession operator setup-code` prints a code that claims it")
            return
        await trio.sleep(_PATIENCE_SECONDS)
