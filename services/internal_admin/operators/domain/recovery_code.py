"""Recovery codes `xxxx-xxxx-xxxx`: shown once, accepted in either case (SPEC §10.5)."""

from dataclasses import dataclass
from datetime import datetime

from services.internal_admin.operators.domain.readable_code import in_groups, new_readable_code
from shared.kernel.entropy import Entropy

SET_SIZE = 10


@dataclass(frozen=True, slots=True)
class RecoveryCodeCount:
    """The number of unused codes, and when they were made (None if there are none)."""

    unused: int
    made_at: datetime | None


def new_recovery_codes(entropy: Entropy, count: int = SET_SIZE) -> tuple[str, ...]:
    """New codes in the form that is hashed. The chance that two of a set are equal is 1 in 2⁵⁴."""
    return tuple(new_readable_code(entropy) for _ in range(count))


def shown_recovery_code(code: str) -> str:
    """The code as the operator sees and types it."""
    return in_groups(code).lower()
