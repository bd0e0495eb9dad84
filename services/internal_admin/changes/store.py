"""Answers that are kept under an `Idempotency-Key`, each written in the transaction of its change."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar

import asyncpg

from contracts.audit_events import EventName
from services.internal_admin.changes.domain import (
    PART,
    Answer,
    Answered,
    Done,
    KeyConflict,
    KeyedRequest,
    Outcome,
    Part,
    Unanswered,
    session_ids,
)
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.io import queries
from shared.sessions.store import projection_change

_SQL = queries.load("services.internal_admin.changes")


P = ParamSpec("P")
OutcomeT = TypeVar("OutcomeT", bound=Outcome)
UnitInParts = Callable[Concatenate[asyncpg.Connection, Done, P], Awaitable[OutcomeT | Part]]
"""A unit of work that runs again, with the work done so far, until its outcome is no `Part`."""


async def answer_once(
    connection: asyncpg.Connection,
    done: Done,
    request: KeyedRequest,
    answer: Callable[[OutcomeT], Answer],
    function: UnitInParts[P, OutcomeT],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> Answered | KeyConflict | Part:
    """Call `function`, and keep its answer in the transaction of its last part. A repeat changes nothing and gets it.

    `answer` encodes the outcome inside that transaction, so that the change and its answer are committed together.

    Of two requests at once the second waits for the first. Of several parts both may make some, and both get the answer
    of the one that made the last. A first request that fails keeps nothing. The changes of a repeat are those that the
    first request could not publish.
    """
    holder, key_hash = request.holder, request.key_hash
    async with connection.transaction():
        kept = await _kept(connection, request)
        if kept is not None:
            return await _repeat(connection, done, request, kept)
        outcome = await function(connection, done, *args, **kwargs)
        if isinstance(outcome, Part):
            return outcome
        given = answer(outcome)
        affected = done.session_ids + session_ids(outcome.changes)
        await connection.execute(
            *_SQL["write_answer"](
                holder=holder,
                key_hash=key_hash,
                request_hash=request.request_hash,
                request_id=request.caller.request_id,
                status=given.status,
                body=given.body,
                device_session_ids=affected,
            )
        )
        return Answered(given, outcome.changes)


async def read_repeat(
    connection: asyncpg.Connection, done: Done, request: KeyedRequest, /
) -> Answered | KeyConflict | Unanswered | Part:
    """The end of a repeat, as `answer_once` has it; `Unanswered` if the request is the first under its key."""
    async with connection.transaction():
        kept = await _kept(connection, request)
        return Unanswered() if kept is None else await _repeat(connection, done, request, kept)


async def _kept(connection: asyncpg.Connection, request: KeyedRequest) -> asyncpg.Record | None:
    """The answer that is kept under the key. Requests under the key wait for this transaction."""
    holder, key_hash = request.holder, request.key_hash
    await connection.execute(*_SQL["lock_key"](holder=holder, key_hash=key_hash))
    return await connection.fetchrow(
        *_SQL["read_answer"](
            holder=holder, key_hash=key_hash, caller=request.caller.name, request_hash=request.request_hash
        )
    )


async def _repeat(
    connection: asyncpg.Connection, done: Done, request: KeyedRequest, kept: asyncpg.Record
) -> Answered | KeyConflict | Part:
    if kept["request_hash"] not in (request.request_hash, *request.older_hashes):
        await insert_audit_event(connection, _event(request, KeyConflict.name, kept))
        return KeyConflict()
    if done.published_up_to == 0:
        await insert_audit_event(connection, _event(request, "repeated", kept))
    pending = await connection.fetch(
        *_SQL["read_pending_changes"](
            device_session_ids=kept["device_session_ids"], after_outbox_id=done.published_up_to, limit=PART
        )
    )
    changes = tuple(map(projection_change, pending))
    if len(changes) == PART:
        return Part(changes, replace(done, published_up_to=changes[-1].outbox_id))
    return Answered(Answer(kept["status"], kept["body"]), changes)


def _event(request: KeyedRequest, outcome: str, kept: asyncpg.Record) -> AuditEvent:
    """The row of a repeat. The change itself is in the rows of the first request."""
    caller = request.caller
    return AuditEvent(
        event=EventName.REPEAT_REQUEST,
        outcome=outcome,
        caller=caller.name,
        network=caller.network,
        request_id=caller.request_id,
        details={"first_request_id": kept["request_id"]},
    )
