"""Flow: read how far the first run is."""

from functools import partial

from contracts.control_plane.onboarding import OnboardingStep
from services.internal_admin.callers.identity import Caller
from services.internal_admin.onboarding import store
from services.internal_admin.onboarding.domain import AdvanceOutcome, Onboarding
from shared.io.postgres import Postgres


async def read_onboarding(postgres: Postgres) -> Onboarding:
    """When each step was done."""
    return await postgres.unit_of_work(store.read_onboarding)


async def advance_onboarding(
    step: OnboardingStep, operator_id: str, caller: Caller, postgres: Postgres
) -> AdvanceOutcome:
    """Do `step`, committed on return. A repeat changes nothing."""
    body = partial(store.advance_onboarding, step=step, operator_id=operator_id, caller=caller)
    return await postgres.unit_of_work(body)
