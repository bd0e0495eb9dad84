"""Flow: read how far the first run is."""

from services.internal_admin.domain.onboarding import Onboarding
from services.internal_admin.store import onboarding
from shared.io.postgres import Postgres


async def read_onboarding(postgres: Postgres) -> Onboarding:
    """When each step was done."""
    return await postgres.unit_of_work(onboarding.read_onboarding)
