"""The person or program that a caller names as the cause of a change (SPEC §4.1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """`type` is `[a-z0-9_]{1,32}`, such as "admin", "user" or "system". `id` has at most 128 characters, or is None."""

    type: str
    id: str | None = None
