"""API tokens for tests, made as the command line makes them: alive, or ended in each possible way."""

from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple

from services.internal_admin.callers.identity import Caller, Scope
from services.internal_admin.callers.secret import new_secret
from services.internal_admin.tokens import store as tokens_store
from services.internal_admin.tokens.domain import MARK, CreateToken, RevokeToken
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_token_id
from tests.support.world import World

CALLER = Caller("command_line", None, None)


class MadeToken(NamedTuple):
    """A token's id, and the secret that its holder sends."""

    token_id: str
    secret: str


def make_token(world: World, scopes: Collection[Scope], life: timedelta = timedelta(days=90)) -> MadeToken:
    """Makes a token that is alive."""
    secret, token_id = new_secret(SystemEntropy(), MARK), new_token_id(SystemClock(), SystemEntropy())
    command = CreateToken("made by a test", frozenset(scopes), life, None, CALLER)
    world.call(
        world.internal.unit_of_work,
        tokens_store.create_token,
        command,
        token_id,
        secret,
    )
    return MadeToken(token_id, secret.text)


def revoke_token(world: World, token_id: str) -> None:
    """Revokes the token."""
    command = RevokeToken(token_id, "test", CALLER)
    world.call(world.internal.unit_of_work, tokens_store.revoke_token, command)


def expire_token(world: World, token_id: str) -> None:
    """Makes the token expire at this instant."""
    world.database.execute(
        """
        update api_tokens set created_at = created_at - interval '1 day', expires_at = clock_now() where token_id = $1
        """,
        token_id,
    )


def attribute_token(world: World, token_id: str, operator_id: str) -> None:
    """Makes an operator the creator of the token."""
    world.database.execute("update api_tokens set created_by = $2 where token_id = $1", token_id, operator_id)
