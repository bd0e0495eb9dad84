"""The first run of the control plane, step by step (SPEC §10.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

from contracts.control_plane.onboarding import OnboardingState, OnboardingStep


@dataclass(frozen=True, slots=True)
class Done:
    """When a step was done or skipped."""

    at: datetime
    is_skipped: bool = False


@dataclass(frozen=True, slots=True)
class Onboarding:
    """All steps in order, None while one is to do. The key of a step is the state that waits for it."""

    steps: Mapping[OnboardingState, Done | None]

    @property
    def state(self) -> OnboardingState:
        """The state that waits for the next step, or `complete`."""
        to_be_done: list[OnboardingState] = [name for name, done in self.steps.items() if done is None]
        return to_be_done[0] if to_be_done else "complete"


@dataclass(frozen=True, slots=True)
class Conditions:
    """The facts that steps ask for, as they are now."""

    has_verified_mail: bool
    has_node: bool


@dataclass(frozen=True, slots=True)
class Advanced:
    """This request did the step."""

    onboarding: Onboarding
    name: ClassVar[Literal["advanced"]] = "advanced"


@dataclass(frozen=True, slots=True)
class Skipped:
    """This request skipped the step."""

    onboarding: Onboarding
    name: ClassVar[Literal["skipped"]] = "skipped"


@dataclass(frozen=True, slots=True)
class Unmet:
    """The condition of the step does not hold: nothing changed."""

    condition: str
    name: ClassVar[str] = "onboarding_condition_unmet"


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


AdvanceOutcome: TypeAlias = Advanced | Skipped | AlreadyDone | OutOfOrder | Unmet | NotTheOwner

WAITS_FOR: Mapping[OnboardingStep, OnboardingState] = {
    "recovery_codes_stored": "store_recovery_codes",
    "settings_reviewed": "review_settings",
    "mail_connection_verified": "verify_mail_connection",
    "node_joined": "join_node",
}


def decide_step(onboarding: Onboarding, step: OnboardingStep) -> Literal["advance", "already_done", "out_of_order"]:
    """How a request for `step` ends in this state, if its condition holds."""
    state = WAITS_FOR[step]
    if onboarding.steps[state] is not None:
        return "already_done"
    return "advance" if onboarding.state == state else "out_of_order"


def unmet_condition(step: OnboardingStep, conditions: Conditions) -> str | None:
    """The lacking condition of the step, as a sentence; None if nothing is lacking."""
    if step == "mail_connection_verified" and not conditions.has_verified_mail:
        return "there is no default mail connection that was verified"
    if step == "node_joined" and not conditions.has_node:
        return "no node has joined"
    return None
