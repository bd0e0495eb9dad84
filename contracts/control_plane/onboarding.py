"""Requests and answers of the first run (SPEC §10.2). Decoders check the form only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.strict_json import decode_object, invalid, known_fields, read_flag, read_text

OnboardingState: TypeAlias = Literal[
    "claim_owner", "store_recovery_codes", "review_settings", "verify_mail_connection", "join_node", "complete"
]
OnboardingStep: TypeAlias = Literal[
    "recovery_codes_stored", "settings_reviewed", "mail_connection_verified", "node_joined"
]
AdvanceOnboardingOutcome: TypeAlias = Literal["advanced", "skipped", "already_done"]

_STEPS = ("recovery_codes_stored", "settings_reviewed", "mail_connection_verified", "node_joined")
_SKIPPABLE = ("mail_connection_verified", "node_joined")


@dataclass(frozen=True, slots=True)
class AdvanceOnboarding:
    """A request for one step. With `skips` it counts as done without its condition."""

    step: OnboardingStep
    skips: bool = False


@dataclass(frozen=True, slots=True)
class OnboardingStepAnswer:
    """One step of the first run. `done_at` is None until the step is done or skipped."""

    name: str
    done_at: datetime | None
    is_skipped: bool = False


def decode_advance_onboarding(body: bytes) -> AdvanceOnboarding:
    """The body of `POST onboarding/bootstrap`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), frozenset({"step", "skip"}))
    step = read_text(fields, "step")
    if step not in _STEPS:
        raise invalid(f"step must be one of {', '.join(_STEPS)}")
    if fields.get("skip") is None:
        return AdvanceOnboarding(step)
    skips = read_flag(fields, "skip")
    if skips and step not in _SKIPPABLE:
        raise invalid(f"skip is only for {' and '.join(_SKIPPABLE)}")
    return AdvanceOnboarding(step, skips)


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
    skipped: dict[str, object] = {"skipped": True} if step.is_skipped else {}
    return {"name": step.name, "done": True, "done_at": encode_instant(step.done_at), **skipped}
