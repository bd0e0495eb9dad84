"""A kind of subject, such as gateway configurations. It hands in what differs between kinds; the verbs are shared."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from contracts.audit_events import EventName
from contracts.errors import ErrorCode
from services.internal_admin.publication.domain.checks import Judged
from services.internal_admin.publication.domain.subject import Command, Subject
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.projection_change import ProjectionChange

Hook: TypeAlias = Callable[[asyncpg.Connection, Subject, Command], Awaitable[tuple[ProjectionChange, ...]]]
"""Does what a kind adds to a verb, in the verb's transaction, holding the lock of the subject.

The verb is answered once gateways can read the changes that it returns.
"""


@dataclass(frozen=True, slots=True)
class Events:
    """The names of a kind's verbs in the audit trail."""

    create: EventName
    change: EventName
    archive: EventName
    publish: EventName
    activate: EventName
    pause: EventName
    revert: EventName


async def nothing_more(_: asyncpg.Connection, __: Subject, ___: Command) -> tuple[ProjectionChange, ...]:
    """The hook of a kind that adds nothing to a verb."""
    return ()


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` is the kind of its documents in a manifest, and the word for one subject in requests and answers.

    `judge` finds errors and warnings in the draft of a subject, and makes the document; with equal facts, equal drafts
    have equal bytes. It may read the database, in the transaction of its caller, and writes nothing.
    `can_read` tells whether today's nodes can read a document of an older release.
    `not_found` is the refusal for an unknown id. `is_alone`: a pool has at most one active subject of the kind.
    `when_paused` runs with every pause, a repeat too; `when_archived` when a subject becomes archived.
    """

    name: str
    new_id: Callable[[Clock, Entropy], str]
    judge: Callable[[asyncpg.Connection, Subject], Awaitable[Judged]]
    can_read: Callable[[bytes], bool]
    events: Events
    not_found: ErrorCode
    is_alone: bool
    when_paused: Hook = nothing_more
    when_archived: Hook = nothing_more
