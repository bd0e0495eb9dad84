"""Kernel: who did something, as the caller claims it (SPEC §4.1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """`type` is `[a-z0-9_]{1,32}` ("admin", "user", "system"), `id` at most 128 characters or absent."""

    type: str
    id: str | None = None
