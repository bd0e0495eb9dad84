"""Mails of the stub transport as Postgres keeps them, for the development mailbox (SPEC §7.1)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, repr=False)
class SealedMail:
    """A mail with its sealed code. `associated_data` is that of the seal. It has no repr."""

    email: str
    locale: str
    challenge_id: str
    sent_at: datetime
    associated_data: bytes
    sealed_code: bytes
    seal_key_id: str


@dataclass(frozen=True, slots=True, repr=False)
class SealedLetter:
    """A letter without a code, with the sealed token of a notice's link. It has no repr."""

    kind: str
    email: str
    locale: str
    device_session_id: str | None
    label: str | None
    sent_at: datetime
    associated_data: bytes
    sealed_token: bytes | None
    seal_key_id: str | None
