"""The observations of a gateway, a part of its node's status (SPEC §16). Gateway clients import this module alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

RedisHealth: TypeAlias = Literal["ok", "lost"]

MAX_LAST_USES: Final = 1000
MAX_REFUSAL_CODES: Final = 32


@dataclass(frozen=True, slots=True)
class Lag:
    """Milliseconds from a revocation's instant to its arrival at the gateway: median and 99th percentile."""

    p50: int
    p99: int


@dataclass(frozen=True, slots=True)
class Report:
    """The observations of a gateway since its last status: counts, and the day of last use of up to 1,000 sessions."""

    sessions_cached: int | None = None
    passed: int = 0
    refused: Mapping[str, int] = field(default_factory=dict[str, int])
    revocation_lag: Lag | None = None
    redis: RedisHealth | None = None
    last_used: tuple[tuple[str, str], ...] = field(default=(), repr=False)
