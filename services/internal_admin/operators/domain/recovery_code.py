"""Domain: recovery codes (SPEC §10.5): `xxxx-xxxx-xxxx`, shown once, in either case when typed."""

from dataclasses import dataclass
from datetime import datetime

from services.internal_admin.operators.domain.readable_code import in_groups, new_readable_code
from shared.kernel.entropy import Entropy

SET_SIZE = 10


@dataclass(frozen=True, slots=True)
class RecoveryCodeCount:
    """Codes that were not used, and when they were made; None without any."""

    unused: int
    made_at: datetime | None


def new_recovery_codes(entropy: Entropy, count: int = SET_SIZE) -> tuple[str, ...]:
    """As they are hashed. Raises nothing, and repeats none but by a chance of 1 in 2⁵⁴."""
    return tuple(new_readable_code(entropy) for _ in range(count))


def shown_recovery_code(code: str) -> str:
    """As the operator keeps it."""
    return in_groups(code).lower()
