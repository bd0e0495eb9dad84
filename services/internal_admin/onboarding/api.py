"""The routes of the first run (SPEC §10.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from contracts.control_plane.onboarding import (
    OnboardingStepAnswer,
    decode_advance_onboarding,
    encode_advance_onboarding,
    encode_onboarding,
)
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.access import OperatorOnly, Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import CONTROL_PLANE
from services.internal_admin.callers.request import caller_of, operator_of
from services.internal_admin.callers.route import Route
from services.internal_admin.onboarding import store
from services.internal_admin.onboarding.domain import (
    Advanced,
    AlreadyDone,
    NotTheOwner,
    Onboarding,
    OutOfOrder,
    Skipped,
    Unmet,
)
from shared.io.postgres import Postgres
from shared.web.exchange import Request, Response

_ONBOARDING = CONTROL_PLANE + "/onboarding"


@dataclass(frozen=True, slots=True)
class OnboardingApi:
    """Shows how far the first run is, and does its next step."""

    postgres: Postgres

    async def status(self, _: Request, _identity: Identity | None) -> Response:
        """The next step, and when each earlier step was done."""
        onboarding = await self.postgres.unit_of_work(store.read_onboarding)
        return Response(200, encode_onboarding(onboarding.state, _steps(onboarding)))

    async def advance(self, request: Request, identity: Identity | None) -> Response:
        """Do the next step. A repeat changes nothing."""
        command = decode_advance_onboarding(request.body)
        operator_id, caller = operator_of(identity).operator_id, caller_of(request, identity)
        outcome = await self.postgres.unit_of_work(store.advance_onboarding, command, operator_id, caller)
        match outcome:
            case Advanced(onboarding) | Skipped(onboarding) | AlreadyDone(onboarding):
                answer = encode_advance_onboarding(outcome.name, onboarding.state, _steps(onboarding))
                return Response(200, answer)
            case OutOfOrder():
                raise Refusal(
                    ErrorCode.ONBOARDING_OUT_OF_ORDER, "an earlier step is to be done first: read onboarding/status"
                )
            case Unmet(condition):
                raise Refusal(ErrorCode.ONBOARDING_CONDITION_UNMET, f"{condition}; do that first, or skip the step")
            case NotTheOwner():
                raise Refusal(ErrorCode.FORBIDDEN, "this needs the owner's session")
            case _:
                assert_never(outcome)


ROUTES: tuple[Route[OnboardingApi], ...] = (
    Route("GET", _ONBOARDING + "/status", OnboardingApi.status, access=Scoped(Scope.SETTINGS_READ)),
    Route("POST", _ONBOARDING + "/bootstrap", OnboardingApi.advance, access=OperatorOnly(), accepts_body=True),
)


def _steps(onboarding: Onboarding) -> Sequence[OnboardingStepAnswer]:
    return [
        OnboardingStepAnswer(name, None if done is None else done.at, done is not None and done.is_skipped)
        for name, done in onboarding.steps.items()
    ]
