"""Flow: list API tokens, those that ended too while their rows are kept."""

from functools import partial

from services.internal_admin.callers.page import Page
from services.internal_admin.tokens import store
from services.internal_admin.tokens.domain import ApiToken
from shared.io.postgres import Postgres


async def list_tokens(after: str | None, limit: int, postgres: Postgres) -> Page[ApiToken]:
    """Newest first; those `after` a token id, or from the newest on."""
    return await postgres.unit_of_work(partial(store.list_tokens, after=after, limit=limit))
