"""Units of work of orders. One transaction carries out one order, or a part of `PART` sessions of it.

It locks the row of the user's address first, as every revocation does, and the order last. So it waits for a block or a
login of the same user, and reads what that left. It cannot deadlock with an erasure, which locks in the same order.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, assert_never

import asyncpg

from contracts.audit_events import EventName
from contracts.self_service import OrderOutcome
from services.internal_admin.callers.identity import Caller, Cause
from services.internal_admin.callers.trail import audit_subject_of_id, insert_mutation_event
from services.internal_admin.self_service.domain import (
    Decision,
    EndSession,
    EndSessions,
    Flaw,
    Notice,
    NoticeToken,
    Order,
    Refuse,
    Rename,
    Settle,
    SignedRequest,
    Signer,
    decide,
)
from services.internal_admin.sessions.domain import Revoked
from services.internal_admin.sessions.store import (
    CONTINUED,
    lock_address_of_user,
    revoke_active_sessions,
    revoke_locked_session,
    user_has_session,
)
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event
from shared.io import queries
from shared.kernel.actor import Actor
from shared.kernel.projection_change import ProjectionChange

_SQL = queries.load("services.internal_admin.self_service")

_BY_NOTICE: Final = "notice"
"""The caller in the audit trail of an order that a notice's token proves."""


@dataclass(frozen=True, slots=True)
class WaitingOrder:
    """An order to carry out. `user_id` is None if no session belongs to it."""

    order_id: int
    user_id: str | None


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """The result of one transaction. `outcome` is None if the order has sessions left to end.

    Gateways must be able to read `changes` before the order is answered. `session_count` counts those of earlier
    transactions too.
    """

    outcome: OrderOutcome | None
    changes: tuple[ProjectionChange, ...] = ()
    session_count: int | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """The number of orders that are not answered yet, and the age of the oldest."""

    orders: int
    oldest: timedelta


async def read_waiting_orders(connection: asyncpg.Connection, limit: int) -> list[WaitingOrder]:
    """The oldest orders to carry out. Two workers at once may read the same; `carry_out` does each once."""
    rows = await connection.fetch(*_SQL["read_waiting_orders"](limit=limit))
    return [WaitingOrder(row["order_id"], row["user_id"]) for row in rows]


async def carry_out(connection: asyncpg.Connection, waiting: WaitingOrder) -> CarriedOut | None:
    """Examine an order and carry it out, or refuse it. None: another worker has it, or had it.

    Sessions, outbox, audit row and outcome are committed together. An order that changes nothing has no audit row,
    unless its proof is not valid.
    """
    async with connection.transaction():
        email_id = None if waiting.user_id is None else await lock_address_of_user(connection, waiting.user_id)
        row = await connection.fetchrow(*_SQL["lock_order"](order_id=waiting.order_id))
        if row is None:
            return None
        order = _order(row)
        done = await _do(connection, order, email_id, decide(order, _signer(row), _notice(row)))
        if done.outcome is None:
            await connection.execute(*_SQL["write_progress"](order_id=order.order_id, session_count=done.session_count))
        else:
            await _write_outcome(connection, order, row["token_hash"], done.outcome, done)
        return done


async def refuse_unstorable(connection: asyncpg.Connection, order_id: int) -> CarriedOut | None:
    """Refuse an order with a value that Postgres does not take, so that orders behind it are carried out."""
    async with connection.transaction():
        row = await connection.fetchrow(*_SQL["lock_order"](order_id=order_id))
        if row is None:
            return None
        done = await _refuse(connection, _order(row), Flaw.UNSTORABLE)
        await _write_outcome(connection, _order(row), None, OrderOutcome.REFUSED, done)
        return done


async def write_published(connection: asyncpg.Connection, order_id: int) -> None:
    """Note that gateways can read what the order changed."""
    await connection.execute(*_SQL["write_published"](order_id=order_id))


async def write_published_by_relay(connection: asyncpg.Connection, limit: int) -> None:
    """Note the same of orders that somebody else's relay published."""
    await connection.execute(*_SQL["write_published_by_relay"](limit=limit))


async def read_backlog(connection: asyncpg.Connection) -> Backlog:
    row = await connection.fetchrow(*_SQL["read_backlog"]())
    assert row is not None
    return Backlog(row["orders"], timedelta(seconds=row["oldest_seconds"]))


async def _do(connection: asyncpg.Connection, order: Order, email_id: int | None, decision: Decision) -> CarriedOut:
    match decision:
        case EndSession():
            return await _end_session(connection, order, decision)
        case EndSessions():
            return await _end_sessions(connection, order, email_id, decision)
        case Rename():
            return await _rename(connection, order, decision)
        case Settle(outcome):
            return CarriedOut(outcome)
        case Refuse(flaw):
            return await _refuse(connection, order, flaw)
        case _:
            assert_never(decision)


async def _end_session(connection: asyncpg.Connection, order: Order, decision: EndSession) -> CarriedOut:
    session_id, cause = decision.device_session_id, _cause(order, decision.user_id, decision.reason_code)
    if not await user_has_session(connection, decision.user_id, session_id):
        return CarriedOut(OrderOutcome.SESSION_NOT_FOUND)
    ended = await revoke_locked_session(connection, session_id, cause)
    if not isinstance(ended, Revoked):
        return CarriedOut(OrderOutcome.ALREADY_REVOKED, ended.changes)
    await insert_mutation_event(connection, EventName.REVOKE_SESSION, ended.name, session_id, cause)
    return CarriedOut(OrderOutcome.REVOKED, ended.changes, session_count=1)


async def _end_sessions(
    connection: asyncpg.Connection, order: Order, email_id: int | None, decision: EndSessions
) -> CarriedOut:
    """End up to `PART` sessions that were there when the order was received. Later ones are none of its business."""
    cause = _cause(order, decision.user_id, decision.reason_code)
    ended = await revoke_active_sessions(
        connection, email_id, decision.user_id, cause, decision.kept, after=(order.received_at, "")
    )
    before, count = order.session_count or 0, len(ended.changes)
    if count:
        await insert_mutation_event(
            connection,
            EventName.REVOKE_USER_SESSIONS,
            CONTINUED if before else Revoked.name,
            decision.user_id,
            cause,
            affected_session_count=count,
        )
    if not ended.is_all:
        return CarriedOut(None, ended.changes, before + count)
    nothing = (
        OrderOutcome.NO_ACTIVE_SESSIONS if isinstance(order.proof, SignedRequest) else OrderOutcome.ALREADY_REVOKED
    )
    return CarriedOut(OrderOutcome.REVOKED if before + count else nothing, ended.changes, before + count)


async def _rename(connection: asyncpg.Connection, order: Order, decision: Rename) -> CarriedOut:
    session_id = decision.device_session_id
    named = await connection.fetchval(*_SQL["name_session"](device_session_id=session_id, label=decision.label))
    if named is not None:
        await _insert_event(connection, order, EventName.NAME_SESSION, OrderOutcome.NAMED, decision.user_id)
    return CarriedOut(OrderOutcome.NAMED)


async def _refuse(connection: asyncpg.Connection, order: Order, flaw: Flaw) -> CarriedOut:
    await _insert_event(connection, order, EventName.REFUSE_ORDER, OrderOutcome.REFUSED, None, flaw=flaw.value)
    return CarriedOut(OrderOutcome.REFUSED)


async def _write_outcome(
    connection: asyncpg.Connection, order: Order, token_hash: bytes | None, outcome: OrderOutcome, done: CarriedOut
) -> None:
    if token_hash is not None and outcome is not OrderOutcome.NOTICE_EXPIRED:
        await connection.execute(*_SQL["use_notice"](token_hash=token_hash))
    await connection.execute(
        *_SQL["write_outcome"](
            order_id=order.order_id,
            outcome=outcome.value,
            session_count=done.session_count,
            is_published=not done.changes and not done.session_count,
        )
    )


async def _insert_event(
    connection: asyncpg.Connection,
    order: Order,
    event: EventName,
    outcome: OrderOutcome,
    user_id: str | None,
    **details: str,
) -> None:
    """Append a row about the session that the order names, by its user, or by the system if nobody proved to be one."""
    named = order.proof.device_session_id if isinstance(order.proof, SignedRequest) else ""
    await insert_audit_event(
        connection,
        AuditEvent(
            event=event,
            outcome=outcome.value,
            caller="system" if user_id is None else named,
            actor=Actor("system", None) if user_id is None else Actor("user", user_id),
            network=order.network,
            request_id=order.http_request_id,
            subject=audit_subject_of_id(named),
            details=details,
        ),
    )


def _cause(order: Order, user_id: str, reason_code: str) -> Cause:
    """The user is the actor. The caller is the session whose key signed, or the notice."""
    name = order.proof.device_session_id if isinstance(order.proof, SignedRequest) else _BY_NOTICE
    return Cause(reason_code, Actor("user", user_id), Caller(name, order.network, order.http_request_id))


def _order(row: asyncpg.Record) -> Order:
    return Order(
        row["order_id"], _proof(row), row["received_at"], row["session_count"], row["network"], row["http_request_id"]
    )


def _proof(row: asyncpg.Record) -> SignedRequest | NoticeToken:
    if row["token_hash"] is not None:
        return NoticeToken(row["everything"])
    return SignedRequest(
        row["device_session_id"],
        row["request_id"],
        row["message_type"],
        row["timestamp_ms"],
        row["body"],
        row["signature"],
    )


def _signer(row: asyncpg.Record) -> Signer | None:
    if row["user_id"] is None:
        return None
    return Signer(row["user_id"], row["client_public_key"], row["is_live"])


def _notice(row: asyncpg.Record) -> Notice | None:
    if row["notice_session_id"] is None:
        return None
    return Notice(row["notice_session_id"], row["user_id"], row["notice_created_at"], row["used_at"] is not None)
