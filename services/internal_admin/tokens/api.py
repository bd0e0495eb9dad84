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
from services.internal_admin.callers.secret import new_secret
from services.internal_admin.tokens import store
from services.internal_admin.tokens.domain import MARK, Created, CreateToken, Creator, CreatorGone, RevokeToken
from shared.io.postgres import Postgres
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.ids import new_token_id
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
        page = await self.postgres.unit_of_work(store.list_tokens, asked.after, asked.limit)
        next_after = page.items[-1].token_id if page.has_more else None
        return Response(200, encode_tokens(page.items, next_after))

    async def create(self, request: Request, identity: Identity | None) -> Response:
        """A new token. Its secret is shown this once, so a repeat makes another token."""
        asked, operator = decode_create_token(request.body), operator_of(identity)
        creator, caller = Creator(operator.operator_id, operator.operator_session_id), caller_of(request, identity)
        command = CreateToken(asked.name, _scopes(asked.scopes), asked.life, creator, caller)
        secret, token_id = new_secret(self.entropy, MARK), new_token_id(self.clock, self.entropy)
        outcome = await self.postgres.unit_of_work(store.create_token, command, token_id, secret)
        match outcome:
            case Created(token):
                return Response(200, encode_created_token(token, secret.text))
            case CreatorGone():
                raise Refusal(ErrorCode.INVALID_CREDENTIALS)
            case _:
                assert_never(outcome)

    async def revoke(self, request: Request, identity: Identity | None) -> Response:
        """End a token: it is refused with its next request, on every replica. A repeat changes nothing."""
        token_id = request.path_parameters["token_id"]
        command = RevokeToken(token_id, _REASON_CODE, caller_of(request, identity))
        outcome = await self.postgres.unit_of_work(store.revoke_token, command)
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
