"""Flow: make an API token."""

from dataclasses import dataclass, field
from functools import partial

from contracts.control_plane.tokens import ApiToken
from services.internal_admin.callers.page import Page
from services.internal_admin.callers.secret import new_secret
from services.internal_admin.tokens import store
from services.internal_admin.tokens.domain import (
    MARK,
    CreateToken,
    CreateTokenOutcome,
    RevokeToken,
    RevokeTokenOutcome,
)
from shared.io.postgres import Postgres
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.ids import new_token_id


@dataclass(frozen=True, slots=True)
class CreationEnded:
    """How it ended; `secret` is the token's, to be shown this once, and of no use where there is no token."""

    outcome: CreateTokenOutcome
    secret: str = field(repr=False)


async def create_token(command: CreateToken, postgres: Postgres, clock: Clock, entropy: Entropy) -> CreationEnded:
    """Repeated, it makes another token: nobody could be told the first one's secret again."""
    secret, token_id = new_secret(entropy, MARK), new_token_id(clock, entropy)
    creation = partial(store.create_token, command=command, token_id=token_id, secret=secret)
    return CreationEnded(await postgres.unit_of_work(creation), secret.text)


async def list_tokens(after: str | None, limit: int, postgres: Postgres) -> Page[ApiToken]:
    """Newest first; those `after` a token id, or from the newest on."""
    return await postgres.unit_of_work(store.list_tokens, after, limit)


async def revoke_token(command: RevokeToken, postgres: Postgres) -> RevokeTokenOutcome:
    """It is refused with its next request, on every replica. A repeat changes nothing."""
    return await postgres.unit_of_work(store.revoke_token, command)
