"""Decisions: which of the asked versions a node may open, and how the whole request is answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.errors import ErrorCode
from contracts.node.secrets import SecretVersion


class Outcome(StrEnum):
    """The outcome for one version. The audit trail and the metric have these words."""

    OPENED = "opened"
    NOT_GRANTED = ErrorCode.SECRET_NOT_GRANTED.value
    GONE = ErrorCode.SECRET_VERSION_GONE.value
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Found:
    """A version as Postgres has it. `is_granted`: the reader may have the secret. `is_enabled`: its value is there."""

    version: SecretVersion
    is_granted: bool
    is_enabled: bool


def outcome_of(found: Found) -> Outcome:
    """Whether the version may be opened. A secret that is not granted and one that does not exist look alike."""
    if not found.is_granted:
        return Outcome.NOT_GRANTED
    return Outcome.OPENED if found.is_enabled else Outcome.GONE


def told(outcomes: Sequence[tuple[SecretVersion, Outcome]]) -> tuple[tuple[SecretVersion, Outcome], ...]:
    """The outcomes that are recorded: the refused ones if there are any, because then nothing is opened."""
    refused = tuple((version, outcome) for version, outcome in outcomes if outcome is not Outcome.OPENED)
    return refused or tuple(outcomes)


def refusal_of(outcomes: Sequence[tuple[SecretVersion, Outcome]]) -> Outcome | None:
    """The outcome that answers the whole request; None: all were opened."""
    found = {outcome for _, outcome in outcomes}
    return next((each for each in (Outcome.NOT_GRANTED, Outcome.GONE, Outcome.UNREADABLE) if each in found), None)
