"""The routes of API tokens (SPEC §10.2, §10.7). They admit operators only."""

from dataclasses import dataclass
from typing import assert_never

from contracts.control_plane.tokens import (
    decode_create_token,
    decode_list_tokens,
    encode_created_token,
    encode_revoke_token,
    encode_tokens,
)
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.access import OperatorOnly
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import AUTH
from services.internal_admin.callers.request import caller_of, operator_of
from services.internal_admin.callers.route import Route
from services.internal_admin.tokens.domain import Created, CreateToken, Creator, CreatorGone, RevokeToken
from services.internal_admin.tokens.flow import create_token, list_tokens, revoke_token
from shared.io.postgres import Postgres
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.web.exchange import Request, Response

_TOKENS = AUTH + "/tokens"
_REASON_CODE = "operator_revoke"


@dataclass(frozen=True, slots=True)
class TokenApi:
    """Creates, lists and revokes tokens. Every operator manages all of them."""

    postgres: Postgres
    clock: Clock
    entropy: Entropy

    async def list(self, request: Request, _: Identity | None) -> Response:
        """Tokens without their secrets, newest first, ended ones too."""
        asked = decode_list_tokens(request.query)
        page = await list_tokens(asked.after, asked.limit, self.postgres)
        next_after = page.items[-1].token_id if page.has_more else None
        return Response(200, encode_tokens(page.items, next_after))

    async def create(self, request: Request, identity: Identity | None) -> Response:
        """A new token. Its secret is shown this once."""
        asked, operator = decode_create_token(request.body), operator_of(identity)
        creator, caller = Creator(operator.operator_id, operator.operator_session_id), caller_of(request, identity)
        command = CreateToken(asked.name, _scopes(asked.scopes), asked.life, creator, caller)
        ended = await create_token(command, self.postgres, self.clock, self.entropy)
        match ended.outcome:
            case Created(token):
                return Response(200, encode_created_token(token, ended.secret))
            case CreatorGone():
                raise Refusal(ErrorCode.INVALID_CREDENTIALS)
            case _:
                assert_never(ended.outcome)

    async def revoke(self, request: Request, identity: Identity | None) -> Response:
        """End a token."""
        token_id = request.path_parameters["token_id"]
        outcome = await revoke_token(RevokeToken(token_id, _REASON_CODE, caller_of(request, identity)), self.postgres)
        match outcome:
            case "revoked" | "already_revoked":
                return Response(200, encode_revoke_token(outcome, token_id))
            case "token_not_found":
                raise Refusal(ErrorCode.TOKEN_NOT_FOUND)
            case _:
                assert_never(outcome)


ROUTES: tuple[Route[TokenApi], ...] = (
    Route("GET", _TOKENS, TokenApi.list, access=OperatorOnly()),
    Route("POST", _TOKENS, TokenApi.create, access=OperatorOnly(), accepts_body=True),
    Route("DELETE", _TOKENS + "/{token_id}", TokenApi.revoke, access=OperatorOnly()),
)


def _scopes(words: tuple[str, ...]) -> frozenset[Scope]:
    """The scopes, or a refusal that lists all scopes."""
    if not set(words) <= set(Scope):
        raise Refusal(ErrorCode.INVALID_REQUEST, f"scopes must be among {', '.join(Scope)}")
    return frozenset(map(Scope, words))
