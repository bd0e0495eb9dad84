"""Requests and answers of the first run (SPEC §10.2). Decoders check the form only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.strict_json import decode_object, invalid, known_fields, read_text

OnboardingState: TypeAlias = Literal["claim_owner", "store_recovery_codes", "review_settings", "complete"]
OnboardingStep: TypeAlias = Literal["recovery_codes_stored", "settings_reviewed"]
AdvanceOnboardingOutcome: TypeAlias = Literal["advanced", "already_done"]

_STEPS = ("recovery_codes_stored", "settings_reviewed")


@dataclass(frozen=True, slots=True)
class OnboardingStepAnswer:
    """One step of the first run. `done_at` is None until the step is done."""

    name: str
    done_at: datetime | None


def decode_advance_onboarding(body: bytes) -> OnboardingStep:
    """The body of `POST onboarding/bootstrap`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), frozenset({"step"}))
    step = read_text(fields, "step")
    if step not in _STEPS:
        raise invalid(f"step must be {' or '.join(_STEPS)}")
    return step


def encode_onboarding(state: OnboardingState, steps: Sequence[OnboardingStepAnswer]) -> bytes:
    """The answer of `GET onboarding/status`: the next thing to do, and all steps in order."""
    return encode(_shown(state, steps))


def encode_advance_onboarding(
    outcome: AdvanceOnboardingOutcome, state: OnboardingState, steps: Sequence[OnboardingStepAnswer]
) -> bytes:
    """The answer of `POST onboarding/bootstrap`: its outcome, and the state and steps afterwards."""
    return encode({"outcome": outcome, **_shown(state, steps)})


def _shown(state: OnboardingState, steps: Sequence[OnboardingStepAnswer]) -> dict[str, object]:
    return {"state": state, "steps": [_step(step) for step in steps]}


def _step(step: OnboardingStepAnswer) -> dict[str, object]:
    if step.done_at is None:
        return {"name": step.name, "done": False}
    return {"name": step.name, "done": True, "done_at": encode_instant(step.done_at)}
