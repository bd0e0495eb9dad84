"""Domain: a login code that the stub transport mailed, for the development mailbox (SPEC §7.1)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, repr=False)
class SealedMail:
    """The mail as Postgres keeps it. `associated_data` is what its code was sealed with. No repr."""

    email: str
    locale: str
    challenge_id: str
    sent_at: datetime
    associated_data: bytes
    sealed_code: bytes
    seal_key_id: str
