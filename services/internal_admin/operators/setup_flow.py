"""The claim of the first owner, and the reminder that there is none yet (SPEC §10.1)."""

import logging

import trio

from services.internal_admin.operators.domain.login import InvalidCredentials
from services.internal_admin.operators.domain.owner_setup import (
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
from shared.io.postgres import Postgres
from shared.kernel.ids import new_operator_id
from shared.lifecycle.supervision import weather

_PATIENCE_SECONDS = 5.0

_log = logging.getLogger("authsession.operators.owner_reminder")


async def register_owner(command: RegisterOwner, flow: AccountFlow) -> RegisterOwnerOutcome:
    """Register the owner. A caller who may not register costs no hash, and a weak password uses nothing up."""
    async with flow.hasher.turn():
        setup = await flow.postgres.unit_of_work(store.read_owner_setup, command.registration_token)
        refused = _refused(setup, command)
        if refused is None:
            return await _register(command, flow)
        await flow.postgres.unit_of_work(store.audit_registration_refusal, refused, command.caller)
        return refused


async def weak_password(command: RegisterOwner, flow: AccountFlow) -> PasswordRefused | None:
    """Why the password of a caller who may register is too weak; None: it is not, or the caller may not.

    One read, because it comes before the limit of attempts.
    """
    setup = await flow.postgres.unit_of_work(store.read_owner_setup, command.registration_token)
    refused = _refused(setup, command)
    if not isinstance(refused, PasswordRefused):
        return None
    await flow.postgres.unit_of_work(store.audit_registration_refusal, refused, command.caller)
    return refused


async def remind_of_owner(postgres: Postgres) -> None:
    """Log a hint if there is no owner. Ends when Postgres has answered, however long that takes."""
    while True:
        with weather("owner reminder"):
            setup = await postgres.unit_of_work(store.read_owner_setup, registration_token=None)
            if not setup.has_owner:
                _log.info("no owner yet: run `authsession operator setup-code` for the code that claims it")
            return
        await trio.sleep(_PATIENCE_SECONDS)


def _refused(setup: OwnerSetup, command: RegisterOwner) -> OwnerExists | InvalidCredentials | PasswordRefused | None:
    """Why the registration is refused. The password is judged only for a caller who may register."""
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
