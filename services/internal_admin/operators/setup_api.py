"""The routes by which the first owner is claimed (SPEC §10.1)."""

from dataclasses import dataclass
from typing import assert_never

from contracts.control_plane.accounts import (
    decode_exchange_setup_code,
    decode_register_owner,
    encode_registration_token,
    recovery_codes_field,
)
from contracts.errors import ErrorCode, Refusal
from contracts.strict_json import invalid
from services.internal_admin.callers.access import Anyone
from services.internal_admin.callers.identity import Identity
from services.internal_admin.callers.paths import AUTH
from services.internal_admin.callers.request import caller_of, email_address, is_local
from services.internal_admin.callers.route import HOUR, PerNetwork, Route
from services.internal_admin.callers.secret import new_secret
from services.internal_admin.operator_sessions.opened import OpenedSessions, client_of
from services.internal_admin.operators.api import account_refusal
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
from services.internal_admin.operators.setup_flow import register_owner, weak_password
from services.internal_admin.operators.store import setup as store
from shared.web.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class OwnerSetupApi:
    """Claims the first owner. `allows_loopback`: programs of this machine need no token."""

    flow: AccountFlow
    opened: OpenedSessions
    allows_loopback: bool

    async def exchange(self, request: Request, identity: Identity | None) -> Response:
        """Exchange a setup code for a registration token. A repeat is refused, because the code is used up by then."""
        command = ExchangeSetupCode(decode_exchange_setup_code(request.body), caller_of(request, identity))
        token = new_secret(self.flow.entropy)
        outcome = await self.flow.postgres.unit_of_work(store.exchange_setup_code, command, token)
        match outcome:
            case Exchanged():
                return Response(200, encode_registration_token(outcome.registration_token, outcome.expires_at))
            case OwnerExists():
                raise Refusal(ErrorCode.OWNER_EXISTS)
            case InvalidCredentials():
                raise account_refusal(outcome)
            case _:
                assert_never(outcome)

    async def check_password(self, request: Request, identity: Identity | None) -> None:
        """Refuse a weak password of a caller who may register, before the limit: such a try does not count."""
        weak = await weak_password(self._registration(request, identity), self.flow)
        if weak is not None:
            raise account_refusal(weak)

    async def register(self, request: Request, identity: Identity | None) -> Response:
        """Register the first owner, with recovery codes and a session."""
        transport = decode_register_owner(request.body).transport
        outcome = await register_owner(self._registration(request, identity), self.flow)
        match outcome:
            case OwnerRegistered():
                codes = recovery_codes_field(outcome.recovery_codes)
                return self.opened.answer(request, transport, outcome.held, outcome.token, codes)
            case OwnerExists():
                raise Refusal(ErrorCode.OWNER_EXISTS)
            case InvalidCredentials() | PasswordRefused():
                raise account_refusal(outcome)
            case _:
                assert_never(outcome)

    def _registration(self, request: Request, identity: Identity | None) -> RegisterOwner:
        asked = decode_register_owner(request.body)
        self.opened.check_transport(request, asked.transport)
        return RegisterOwner(
            registration_token=asked.registration_token,
            needs_token=not (self.allows_loopback and is_local(request)),
            owner=_owner(asked.user_name, asked.email),
            password=normal_password(asked.password),
            client=client_of(request),
            caller=caller_of(request, identity),
        )


ROUTES: tuple[Route[OwnerSetupApi], ...] = (
    Route(
        "POST",
        AUTH + "/bootstrap/exchange",
        OwnerSetupApi.exchange,
        access=Anyone(),
        limit=PerNetwork("exchange_setup_code", 10, HOUR),
        slow_refusals=True,
        accepts_body=True,
    ),
    Route(
        "POST",
        AUTH + "/register-owner",
        OwnerSetupApi.register,
        access=Anyone(),
        before_limit=OwnerSetupApi.check_password,
        limit=PerNetwork("register_owner", 3, HOUR),
        slow_refusals=True,
        accepts_body=True,
    ),
)


def _owner(user_name: str, email: str | None) -> PasswordOwner:
    folded = fold_user_name(user_name)
    if not is_user_name(folded):
        raise invalid("user_name must be 2 to 64 letters, digits, dots, underscores, hyphens, a letter or digit first")
    return PasswordOwner(folded, None if email is None else email_address(email).identity)
