"""The routes by which operators log in, and change their passwords and recovery codes (SPEC §10.2)."""

from dataclasses import dataclass
from typing import assert_never

from contracts.control_plane.accounts import (
    decode_change_password,
    decode_log_in,
    decode_recover_password,
    decode_regenerate_recovery_codes,
    encode_changed_password,
    encode_recovery_code_count,
    encode_recovery_codes,
    recovery_codes_field,
)
from contracts.errors import ERRORS, ErrorCode, Refusal
from services.internal_admin.callers.access import Anyone, OperatorOnly
from services.internal_admin.callers.identity import Identity
from services.internal_admin.callers.paths import AUTH
from services.internal_admin.callers.request import caller_of, operator_of
from services.internal_admin.callers.route import HOUR, MINUTE, PerNetwork, Route
from services.internal_admin.operator_sessions.opened import OpenedSessions, client_of
from services.internal_admin.operators.domain.login import InvalidCredentials, LoggedIn, LogIn
from services.internal_admin.operators.domain.password import PasswordRefused, normal_password
from services.internal_admin.operators.domain.password_change import (
    ChangePassword,
    PasswordChanged,
    PasswordRecovered,
    RecoverPassword,
    RecoveryCodesRegenerated,
    RegenerateRecoveryCodes,
)
from services.internal_admin.operators.domain.user_name import fold_user_name
from services.internal_admin.operators.flow import (
    AccountFlow,
    change_password,
    log_in,
    recover_password,
    regenerate_recovery_codes,
)
from services.internal_admin.operators.store import accounts
from shared.web.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class AccountApi:
    """Login, passwords and recovery codes of operators."""

    flow: AccountFlow
    opened: OpenedSessions

    async def log_in(self, request: Request, identity: Identity | None) -> Response:
        """Open a session for a name and password."""
        asked = decode_log_in(request.body)
        self.opened.check_transport(request, asked.transport)
        name, password = fold_user_name(asked.user_name), normal_password(asked.password)
        command = LogIn(name, password, client_of(request), caller_of(request, identity))
        outcome = await log_in(command, self.flow)
        match outcome:
            case LoggedIn():
                return self.opened.answer(request, asked.transport, outcome.held, outcome.token)
            case InvalidCredentials():
                raise account_refusal(outcome)
            case _:
                assert_never(outcome)

    async def change_password(self, request: Request, identity: Identity | None) -> Response:
        """Set a new password. Only the session of the request stays."""
        asked = decode_change_password(request.body)
        command = ChangePassword(
            operator_of(identity),
            normal_password(asked.current_password),
            normal_password(asked.new_password),
            caller_of(request, identity),
        )
        outcome = await change_password(command, self.flow)
        match outcome:
            case PasswordChanged():
                return Response(200, encode_changed_password(outcome.revoked_session_count))
            case InvalidCredentials() | PasswordRefused():
                raise account_refusal(outcome)
            case _:
                assert_never(outcome)

    async def recover_password(self, request: Request, identity: Identity | None) -> Response:
        """Set a new password and open a session for a recovery code."""
        asked = decode_recover_password(request.body)
        self.opened.check_transport(request, asked.transport)
        command = RecoverPassword(
            fold_user_name(asked.user_name),
            asked.recovery_code,
            normal_password(asked.new_password),
            client_of(request),
            caller_of(request, identity),
        )
        outcome = await recover_password(command, self.flow)
        match outcome:
            case PasswordRecovered():
                codes = recovery_codes_field(outcome.recovery_codes)
                return self.opened.answer(request, asked.transport, outcome.held, outcome.token, codes)
            case InvalidCredentials() | PasswordRefused():
                raise account_refusal(outcome)
            case _:
                assert_never(outcome)

    async def count_recovery_codes(self, _request: Request, identity: Identity | None) -> Response:
        """The number of recovery codes that the operator has left."""
        operator_id = operator_of(identity).operator_id
        count = await self.flow.postgres.unit_of_work(accounts.count_recovery_codes, operator_id)
        return Response(200, encode_recovery_code_count(count.unused, count.made_at))

    async def regenerate_recovery_codes(self, request: Request, identity: Identity | None) -> Response:
        """Replace all recovery codes."""
        password = normal_password(decode_regenerate_recovery_codes(request.body))
        command = RegenerateRecoveryCodes(operator_of(identity), password, caller_of(request, identity))
        outcome = await regenerate_recovery_codes(command, self.flow)
        match outcome:
            case RecoveryCodesRegenerated():
                return Response(200, encode_recovery_codes(outcome.recovery_codes))
            case InvalidCredentials():
                raise account_refusal(outcome)
            case _:
                assert_never(outcome)


ROUTES: tuple[Route[AccountApi], ...] = (
    Route(
        "POST",
        AUTH + "/login",
        AccountApi.log_in,
        access=Anyone(),
        limit=PerNetwork("login", 5, 5 * MINUTE),
        slow_refusals=True,
        accepts_body=True,
    ),
    Route(
        "POST",
        AUTH + "/password/recover",
        AccountApi.recover_password,
        access=Anyone(),
        limit=PerNetwork("recover", 5, HOUR),
        slow_refusals=True,
        accepts_body=True,
    ),
    Route(
        "POST",
        AUTH + "/password/change",
        AccountApi.change_password,
        access=OperatorOnly(),
        limit=PerNetwork("change_password", 10, HOUR),
        slow_refusals=True,
        accepts_body=True,
    ),
    Route("GET", AUTH + "/recovery-codes", AccountApi.count_recovery_codes, access=OperatorOnly()),
    Route(
        "POST",
        AUTH + "/recovery-codes/regenerate",
        AccountApi.regenerate_recovery_codes,
        access=OperatorOnly(),
        limit=PerNetwork("regenerate_recovery_codes", 3, HOUR),
        slow_refusals=True,
        accepts_body=True,
    ),
)


def account_refusal(refused: InvalidCredentials | PasswordRefused) -> Refusal:
    """The refusal of wrong credentials or of a weak password. Each rule of passwords has a code and a text."""
    if isinstance(refused, InvalidCredentials):
        return Refusal(ErrorCode.INVALID_CREDENTIALS)
    code = ErrorCode(refused.fault)
    return Refusal(code, f"{ERRORS[code].message}: {refused.rule}")
