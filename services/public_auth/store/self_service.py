"""Units of work of self-service: read the signer, list sessions, file orders, read outcomes. They have no rule."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import asyncpg

from contracts.self_service import MAX_LISTED_SESSIONS, ORDERS_CHANNEL, ListedSession, OrderOutcome
from services.public_auth.domain.self_service import FiledOrder, Signer
from shared.io import queries

_SQL = queries.load(__package__, "self_service.sql")
_KNOWN_OUTCOMES = frozenset(map(str, OrderOutcome))


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order with its proof. `http_request_id` and `network` are those of the call, for the audit trail."""

    device_session_id: str
    request_id: str
    message_type: str
    timestamp_ms: int
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    network: str = field(repr=False)
    http_request_id: str


@dataclass(frozen=True, slots=True)
class NoticeOrder:
    """An order that the token of a notice proves. With `everything` it ends all sessions of the user."""

    token_hash: bytes = field(repr=False)
    everything: bool
    network: str = field(repr=False)
    http_request_id: str


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """The result of an order, which gateways can read."""

    outcome: OrderOutcome
    session_count: int


async def read_signer(connection: asyncpg.Connection, device_session_id: str, request_id: str) -> Signer | None:
    """The session with this id, also a revoked one, and its order under the request id; None: there is no session."""
    row = await connection.fetchrow(*_SQL["read_signer"](device_session_id=device_session_id, request_id=request_id))
    if row is None:
        return None
    filed = None if row["order_id"] is None else FiledOrder(row["order_id"], row["signature"])
    return Signer(
        row["device_session_id"], row["user_id"], row["client_public_key"], row["is_active"], row["read_at"], filed
    )


async def list_sessions(connection: asyncpg.Connection, user_id: str, own_id: str) -> list[ListedSession]:
    """The newest active sessions of the user, newest first. The asking session is always among them."""
    rows = await connection.fetch(*_SQL["list_sessions"](user_id=user_id, own_id=own_id, most=MAX_LISTED_SESSIONS))
    listed = [
        ListedSession(
            row["device_session_id"],
            row["label"],
            row["created_at"],
            row["last_seen_on"],
            is_current=row["device_session_id"] == own_id,
        )
        for row in rows
    ]
    excess = len(listed) - MAX_LISTED_SESSIONS
    return listed if excess <= 0 else [*listed[: MAX_LISTED_SESSIONS - 1], listed[-1]]


async def file_order(connection: asyncpg.Connection, order: SignedOrder) -> int | None:
    """The id of the order, filed; None if the session filed one under this request id. One statement."""
    return await connection.fetchval(*_SQL["file_order"](channel=ORDERS_CHANNEL, **asdict(order)))


async def file_notice_order(connection: asyncpg.Connection, order: NoticeOrder) -> int | None:
    """The id of the order, filed; None if no notice has the token. One statement."""
    return await connection.fetchval(*_SQL["file_notice_order"](channel=ORDERS_CHANNEL, **asdict(order)))


async def read_outcomes(connection: asyncpg.Connection, order_ids: Sequence[int]) -> Mapping[int, CarriedOut]:
    """The outcomes among these orders that gateways can read already, by order.

    A word that only a newer internal process knows is left out, so that its order is answered as one that waits.
    """
    rows = await connection.fetch(*_SQL["read_outcomes"](order_ids=order_ids))
    return {
        row["order_id"]: CarriedOut(OrderOutcome(row["outcome"]), row["session_count"] or 0)
        for row in rows
        if row["outcome"] in _KNOWN_OUTCOMES
    }
