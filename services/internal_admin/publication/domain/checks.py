"""The findings about a draft: what a kind says of its fields, and what is known of its pools."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.control_plane.publication.answers import Check


@dataclass(frozen=True, slots=True)
class Judged:
    """The findings of a kind about a draft. Without an error among them there is a document.

    `document` is the bytes that nodes get. `secret_ids` are the secrets that it names.
    """

    checks: tuple[Check, ...]
    document: bytes = field(default=b"", repr=False)
    secret_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """Facts about a pool for its checks. `held_by`: the name of another active subject of the kind."""

    has_active_node: bool
    held_by: str | None


def check_pools(pools: tuple[str, ...], known: Mapping[str, PoolFacts], *, is_alone: bool) -> tuple[Check, ...]:
    """Errors and warnings about the pools that a draft names. `is_alone`: a pool has one subject of the kind."""
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
        if is_alone and facts.held_by is not None:
            message = f"{facts.held_by} is active in the pool {pool}; it must be paused first"
            checks.append(Check("pool_taken", "warning", message, "pools"))
    return tuple(checks)


def errors_of(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """The checks that forbid publishing."""
    return tuple(check for check in checks if check.level == "error")
