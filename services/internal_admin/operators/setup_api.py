"""Api: the routes by which the first owner is claimed (SPEC §10.1)."""

from dataclasses import dataclass
from functools import partial
from typing import assert_never

from contracts.control_plane.accounts import (
    decode_exchange_setup_code,
    decode_register_owner,
    encode_registration_token,
    recovery_codes_field,
)
from contracts.control_plane.operator_sessions import Transport
from contracts.errors import ErrorCode, Refusal
from contracts.strict_json import invalid
from services.internal_admin.callers.identity import Identity
from services.internal_admin.callers.request import caller_of, email_address, is_local
from services.internal_admin.callers.route import ProtectedRoute, limited
from services.internal_admin.operator_sessions.opened import OpenedSessions, client_of
from services.internal_admin.operators.account_endpoint import account_route, password_refusal, unlimited_account_route
from services.internal_admin.operators.domain.login import InvalidCredentials
from services.internal_admin.operators.domain.owner_setup import (
    Exchanged,
    ExchangeSetupCode,
    OwnerExists,
    OwnerRegistered,
    RegisterOwner,
)
from services.internal_admin.operators.domain.password import PasswordOwner, PasswordRefused, normal_password
from services.internal_admin.operators.domain.user_name import fold_user_name, is_user_name
from services.internal_admin.operators.flow import AccountFlow
from services.internal_admin.operators.setup_flow import exchange_setup_code, register_owner, weak_password
from shared.web.exchange import Request, Response
from shared.web.rate_limit import RateLimiter


@dataclass(frozen=True, slots=True)
class OwnerSetupRoutes:
    """`allows_loopback`: programs of this machine claim the owner without a token."""

    flow: AccountFlow
    opened: OpenedSessions
    limiter: RateLimiter
    allows_loopback: bool

    def routes(self) -> tuple[ProtectedRoute, ...]:
        """The table for the guard."""
        return (
            account_route("/bootstrap/exchange", self.exchange, self.limiter, "exchange_setup_code"),
            unlimited_account_route("/register-owner", self.register),
        )

    async def exchange(self, request: Request, identity: Identity | None) -> Response:
        """A registration token for a setup code."""
        setup_code = decode_exchange_setup_code(request.body)
        outcome = await exchange_setup_code(ExchangeSetupCode(setup_code, caller_of(request, identity)), self.flow)
        match outcome:
            case Exchanged():
                return Response(200, encode_registration_token(outcome.registration_token, outcome.expires_at))
            case OwnerExists():
                raise Refusal(ErrorCode.OWNER_EXISTS)
            case InvalidCredentials():
                raise Refusal(ErrorCode.INVALID_CREDENTIALS)
            case _:
                assert_never(outcome)

    async def register(self, request: Request, identity: Identity | None) -> Response:
        """The first owner, with recovery codes and a session.

        Who may register tries passwords that will not do as often as it takes: such a try is no attempt of the limit.
        """
        asked = decode_register_owner(request.body)
        self.opened.check_transport(request, asked.transport)
        command = RegisterOwner(
            registration_token=asked.registration_token,
            needs_token=not (self.allows_loopback and is_local(request)),
            owner=_owner(asked.user_name, asked.email),
            password=normal_password(asked.password),
            client=client_of(request),
            caller=caller_of(request, identity),
        )
        weak = await weak_password(command, self.flow)
        if weak is not None:
            raise password_refusal(weak)
        return await limited(partial(self._register, command, asked.transport), self.limiter, "register_owner")(
            request, identity
        )

    async def _register(
        self, command: RegisterOwner, transport: Transport, request: Request, _identity: Identity | None
    ) -> Response:
        outcome = await register_owner(command, self.flow)
        match outcome:
            case OwnerRegistered():
                codes = recovery_codes_field(outcome.recovery_codes)
                return self.opened.answer(request, transport, outcome.held, outcome.token, codes)
            case OwnerExists():
                raise Refusal(ErrorCode.OWNER_EXISTS)
            case InvalidCredentials():
                raise Refusal(ErrorCode.INVALID_CREDENTIALS)
            case PasswordRefused():
                raise password_refusal(outcome)
            case _:
                assert_never(outcome)


def _owner(user_name: str, email: str | None) -> PasswordOwner:
    folded = fold_user_name(user_name)
    if not is_user_name(folded):
        raise invalid("user_name must be 2 to 64 letters, digits, dots, underscores, hyphens, a letter or digit first")
    return PasswordOwner(folded, None if email is None else email_address(email).identity)
