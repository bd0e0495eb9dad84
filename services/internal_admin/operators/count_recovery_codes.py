"""Flow: how many recovery codes an operator has left."""

from functools import partial

from services.internal_admin.operators.domain.recovery_code import RecoveryCodeCount
from services.internal_admin.operators.store import accounts
from shared.io.postgres import Postgres


async def count_recovery_codes(operator_id: str, postgres: Postgres) -> RecoveryCodeCount:
    """One statement, no lock."""
    return await postgres.unit_of_work(partial(accounts.count_recovery_codes, operator_id=operator_id))
