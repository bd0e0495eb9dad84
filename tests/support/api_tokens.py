"""API tokens as the command line makes them, for tests: alive, or ended in each way there is."""

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
    """Its id, and what its holder sends."""

    token_id: str
    secret: str


def make_token(world: World, scopes: Collection[Scope], life: timedelta = timedelta(days=90)) -> MadeToken:
    """A token that lives."""
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
    """End it."""
    command = RevokeToken(token_id, "test", CALLER)
    world.call(world.internal.unit_of_work, tokens_store.revoke_token, command)


def expire_token(world: World, token_id: str) -> None:
    """Let its life have ended this instant."""
    world.database.execute(
        """
        update api_tokens set created_at = created_at - interval '1 day', expires_at = clock_now() where token_id = $1
        """,
        token_id,
    )


def attribute_token(world: World, token_id: str, operator_id: str) -> None:
    """Let an operator have made it."""
    world.database.execute("update api_tokens set created_by = $2 where token_id = $1", token_id, operator_id)
