"""The first run of the control plane, step by step (SPEC §10.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

from contracts.control_plane.onboarding import OnboardingState, OnboardingStep


@dataclass(frozen=True, slots=True)
class Onboarding:
    """When each step was done, in the order of the steps. None: the step is still to do."""

    owner_claimed_at: datetime | None
    recovery_codes_stored_at: datetime | None
    settings_reviewed_at: datetime | None

    @property
    def steps(self) -> Mapping[OnboardingState, datetime | None]:
        """All steps in order. The key of a step is the state that waits for it."""
        return {
            "claim_owner": self.owner_claimed_at,
            "store_recovery_codes": self.recovery_codes_stored_at,
            "review_settings": self.settings_reviewed_at,
        }

    @property
    def state(self) -> OnboardingState:
        """The state that waits for the next step, or `complete`."""
        to_be_done: list[OnboardingState] = [name for name, done_at in self.steps.items() if done_at is None]
        return to_be_done[0] if to_be_done else "complete"


@dataclass(frozen=True, slots=True)
class Advanced:
    """This request did the step."""

    onboarding: Onboarding
    name: ClassVar[Literal["advanced"]] = "advanced"


@dataclass(frozen=True, slots=True)
class AlreadyDone:
    """The step was done before: nothing changed."""

    onboarding: Onboarding
    name: ClassVar[Literal["already_done"]] = "already_done"


@dataclass(frozen=True, slots=True)
class OutOfOrder:
    """Another step comes first: nothing changed."""

    name: ClassVar[str] = "onboarding_out_of_order"


@dataclass(frozen=True, slots=True)
class NotTheOwner:
    """The operator is not the owner, and only the owner does the first run: nothing changed."""

    name: ClassVar[str] = "forbidden"


AdvanceOutcome: TypeAlias = Advanced | AlreadyDone | OutOfOrder | NotTheOwner

_WAITS_FOR: Mapping[OnboardingStep, OnboardingState] = {
    "recovery_codes_stored": "store_recovery_codes",
    "settings_reviewed": "review_settings",
}


def decide_step(onboarding: Onboarding, step: OnboardingStep) -> Literal["advance", "already_done", "out_of_order"]:
    """How a request for `step` ends in this state."""
    state = _WAITS_FOR[step]
    if onboarding.steps[state] is not None:
        return "already_done"
    return "advance" if onboarding.state == state else "out_of_order"
