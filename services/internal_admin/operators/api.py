"""Api: the routes by which an operator logs in, and changes what that takes (SPEC §10.2)."""

from dataclasses import dataclass
from functools import partial
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
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.identity import Identity
from services.internal_admin.callers.request import caller_of, operator_of
from services.internal_admin.callers.route import ProtectedRoute
from services.internal_admin.operator_sessions.opened import OpenedSessions, client_of
from services.internal_admin.operators.account_endpoint import ROOT, account_route, password_refusal
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
    count_recovery_codes,
    log_in,
    recover_password,
    regenerate_recovery_codes,
)
from shared.web.exchange import Request, Response
from shared.web.rate_limit import RateLimiter


@dataclass(frozen=True, slots=True)
class OperatorAccountRoutes:
    """Log-in, password, recovery codes."""

    flow: AccountFlow
    opened: OpenedSessions
    limiter: RateLimiter

    def routes(self) -> tuple[ProtectedRoute, ...]:
        """The table for the guard."""
        route = partial(account_route, limiter=self.limiter)
        return (
            route("/login", self.log_in, name="login"),
            route("/password/change", self.change_password, name="change_password"),
            route("/password/recover", self.recover_password, name="recover"),
            route("/recovery-codes/regenerate", self.regenerate_recovery_codes, name="regenerate_recovery_codes"),
            ProtectedRoute("GET", f"{ROOT}/recovery-codes", self.count_recovery_codes),
        )

    async def log_in(self, request: Request, identity: Identity | None) -> Response:
        """A session for a name and password."""
        asked = decode_log_in(request.body)
        self.opened.check_transport(request, asked.transport)
        name, password = fold_user_name(asked.user_name), normal_password(asked.password)
        command = LogIn(name, password, client_of(request), caller_of(request, identity))
        outcome = await log_in(command, self.flow)
        match outcome:
            case LoggedIn():
                return self.opened.answer(request, asked.transport, outcome.held, outcome.token)
            case InvalidCredentials():
                raise Refusal(ErrorCode.INVALID_CREDENTIALS)
            case _:
                assert_never(outcome)

    async def change_password(self, request: Request, identity: Identity | None) -> Response:
        """A new password; only this session stays."""
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
            case InvalidCredentials():
                raise Refusal(ErrorCode.INVALID_CREDENTIALS)
            case PasswordRefused():
                raise password_refusal(outcome)
            case _:
                assert_never(outcome)

    async def recover_password(self, request: Request, identity: Identity | None) -> Response:
        """A new password and a session for a recovery code."""
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
            case InvalidCredentials():
                raise Refusal(ErrorCode.INVALID_CREDENTIALS)
            case PasswordRefused():
                raise password_refusal(outcome)
            case _:
                assert_never(outcome)

    async def count_recovery_codes(self, _request: Request, identity: Identity | None) -> Response:
        """How many recovery codes the operator has left."""
        count = await count_recovery_codes(operator_of(identity).operator_id, self.flow.postgres)
        return Response(200, encode_recovery_code_count(count.unused, count.made_at))

    async def regenerate_recovery_codes(self, request: Request, identity: Identity | None) -> Response:
        """New recovery codes."""
        password = normal_password(decode_regenerate_recovery_codes(request.body))
        command = RegenerateRecoveryCodes(operator_of(identity), password, caller_of(request, identity))
        outcome = await regenerate_recovery_codes(command, self.flow)
        match outcome:
            case RecoveryCodesRegenerated():
                return Response(200, encode_recovery_codes(outcome.recovery_codes))
            case InvalidCredentials():
                raise Refusal(ErrorCode.INVALID_CREDENTIALS)
            case _:
                assert_never(outcome)
