"""A kind of subject, such as gateway configurations. It hands in what differs between kinds; the verbs are shared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts.audit_events import EventName
from contracts.control_plane.publication import Check
from contracts.errors import ErrorCode
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy

Draft = Mapping[str, object]
"""The fields of a draft. Their values may have any JSON type until the checks of the kind look at them."""


@dataclass(frozen=True, slots=True)
class Events:
    """The names of a kind's verbs in the audit trail."""

    create: EventName
    change: EventName
    archive: EventName
    publish: EventName
    activate: EventName
    pause: EventName
    revert: EventName


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` is the kind of its documents in a manifest, and the word for one subject in requests and answers.

    `check` finds errors and warnings in a draft. `document` makes the bytes that nodes get, of a draft without errors;
    equal drafts have equal bytes. `can_read` tells whether today's nodes can read a document of an older release.
    `not_found` is the refusal for an unknown id. `is_alone`: a pool has at most one active subject of the kind.
    """

    name: str
    new_id: Callable[[Clock, Entropy], str]
    check: Callable[[Draft], tuple[Check, ...]]
    document: Callable[[Draft], bytes]
    can_read: Callable[[bytes], bool]
    events: Events
    not_found: ErrorCode
    is_alone: bool


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """Facts about a pool for its checks. `held_by`: the name of another active subject of the kind."""

    has_active_node: bool
    held_by: str | None


def check_pools(kind: Kind, pools: tuple[str, ...], known: Mapping[str, PoolFacts]) -> tuple[Check, ...]:
    """Errors and warnings about the pools that a draft names."""
    if not pools:
        return (Check("pools", "error", "pools must name one pool or more", "pools"),)
    checks: list[Check] = []
    for pool in pools:
        facts = known.get(pool)
        if facts is None:
            checks.append(Check("pool_exists", "error", f"there is no pool {pool}", "pools"))
            continue
        if not facts.has_active_node:
            checks.append(Check("pool_nodes", "warning", f"the pool {pool} has no active node", "pools"))
        if kind.is_alone and facts.held_by is not None:
            message = f"{facts.held_by} is active in the pool {pool}; it must be paused first"
            checks.append(Check("pool_taken", "warning", message, "pools"))
    return tuple(checks)


def errors_of(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """The checks that forbid publishing."""
    return tuple(check for check in checks if check.level == "error")
