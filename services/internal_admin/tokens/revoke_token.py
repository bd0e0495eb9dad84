"""Flow: revoke an API token."""

from functools import partial

from services.internal_admin.tokens import store
from services.internal_admin.tokens.domain import RevokeToken, RevokeTokenOutcome
from shared.io.postgres import Postgres


async def revoke_token(command: RevokeToken, postgres: Postgres) -> RevokeTokenOutcome:
    """It is refused with its next request, on every replica. A repeat changes nothing."""
    return await postgres.unit_of_work(partial(store.revoke_token, command=command))
