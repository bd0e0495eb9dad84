"""Blocks of users and of e-mail addresses (SPEC §4.1)."""

from dataclasses import dataclass, field
from datetime import datetime

from contracts.internal_blocks import SubjectKind
from shared.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class Subject:
    """The user or address that a block keeps out. `value` is a user id or an `EmailAddress.folded`; `repr` hides it."""

    kind: SubjectKind
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Block:
    """A subject that may not log in. `expires_at` None means that the block stays until it is removed."""

    subject: Subject
    reason_code: str
    actor: Actor
    created_at: datetime
    expires_at: datetime | None = None
