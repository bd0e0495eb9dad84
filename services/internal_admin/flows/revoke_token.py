"""Flow: revoke an API token."""

from functools import partial

from services.internal_admin.domain.api_token import RevokeToken, RevokeTokenOutcome
from services.internal_admin.store import api_tokens
from shared.io.postgres import Postgres


async def revoke_token(command: RevokeToken, postgres: Postgres) -> RevokeTokenOutcome:
    """It is refused with its next request, on every replica. A repeat changes nothing."""
    return await postgres.unit_of_work(partial(api_tokens.revoke_token, command=command))
