"""Flow: list an operator's sessions."""

from functools import partial

from services.internal_admin.operator_sessions import store
from services.internal_admin.operator_sessions.domain import OperatorSession, SessionLives
from shared.io.postgres import Postgres


async def list_operator_sessions(
    operator_id: str, lives: SessionLives, postgres: Postgres
) -> tuple[OperatorSession, ...]:
    """Those that live, newest first, then by id: all of them, since limits on log-ins and `lives.idle` bound them."""
    reading = partial(store.list_sessions, operator_id=operator_id, idle_life=lives.idle)
    return await postgres.unit_of_work(reading)
