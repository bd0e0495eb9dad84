"""Store: the unit of work of a mutation under an `Idempotency-Key`: done once, answered alike every time."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from services.internal_admin.domain.idempotency import Answer, Answered, KeyConflict, KeyedRequest
from services.internal_admin.domain.mutation import Outcome
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.io import queries
from shared.sessions.store import projection_change

_SQL = queries.load("services.internal_admin.store", "idempotency.sql")


OutcomeT = TypeVar("OutcomeT", bound=Outcome)


async def answer_once(
    connection: asyncpg.Connection,
    request: KeyedRequest,
    body: Callable[[asyncpg.Connection], Awaitable[OutcomeT]],
    answer: Callable[[OutcomeT], Answer],
) -> Answered | KeyConflict:
    """Do `body` and keep its answer in one transaction; a repeat does nothing and gets that answer.

    Of two at once the second waits for the first. A first one that fails keeps nothing. The changes of a repeat are
    what the first one could not publish.
    """
    holder, key_hash = request.holder, request.key_hash
    async with connection.transaction():
        await connection.execute(_SQL["lock_key"], holder, key_hash)
        kept = await connection.fetchrow(
            _SQL["read_answer"], holder, key_hash, request.caller.name, request.request_hash
        )
        if kept is not None:
            return await _repeat(connection, request, kept)
        outcome = await body(connection)
        given = answer(outcome)
        session_ids = [change.session.device_session_id for change in outcome.changes]
        values = (request.request_hash, request.caller.request_id, given.status, given.body, session_ids)
        await connection.execute(_SQL["write_answer"], holder, key_hash, *values)
        return Answered(given, outcome.changes)


async def _repeat(
    connection: asyncpg.Connection, request: KeyedRequest, kept: asyncpg.Record
) -> Answered | KeyConflict:
    if kept["request_hash"] != request.request_hash:
        await insert_audit_event(connection, _event(request, KeyConflict.name, kept))
        return KeyConflict()
    await insert_audit_event(connection, _event(request, "repeated", kept))
    pending = await connection.fetch(_SQL["read_pending_changes"], kept["device_session_ids"])
    return Answered(Answer(kept["status"], kept["body"]), tuple(map(projection_change, pending)))


def _event(request: KeyedRequest, outcome: str, kept: asyncpg.Record) -> AuditEvent:
    """What was done is in the rows of the first request."""
    caller = request.caller
    return AuditEvent(
        event="security.repeat_request",
        outcome=outcome,
        caller=caller.name,
        network=caller.network,
        request_id=caller.request_id,
        details={"first_request_id": kept["request_id"]},
    )
