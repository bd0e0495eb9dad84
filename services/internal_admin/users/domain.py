"""Domain: a user of the local directory (SPEC §8 `stub`)."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class User:
    """`email` is the spelling that letters go to, the domain as A-labels. Hidden from `repr`."""

    user_id: str
    email: str = field(repr=False)
    preferred_language: str
    time_zone: str
    created_at: datetime
