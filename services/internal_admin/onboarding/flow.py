"""Flow: read how far the first run is."""

from services.internal_admin.onboarding import store
from services.internal_admin.onboarding.domain import Onboarding
from shared.io.postgres import Postgres


async def read_onboarding(postgres: Postgres) -> Onboarding:
    """When each step was done."""
    return await postgres.unit_of_work(store.read_onboarding)
