"""Self-service: a device lists sessions of its user, and files orders about them (SPEC §20)."""

from collections.abc import Sequence

from contracts.errors import ErrorCode
from contracts.self_service import ListedSession, OrderOutcome
from contracts.signed_request import Envelope
from services.public_auth.domain.self_service import Proved, Repeated, Signer, judge
from services.public_auth.flows.order_watch import OrderWatch
from services.public_auth.store.self_service import (
    CarriedOut,
    NoticeOrder,
    SignedOrder,
    file_notice_order,
    file_order,
    list_sessions,
    read_signer,
)
from shared.io.postgres import Postgres


class SelfServiceFlow:
    """Files orders and waits for what the internal process does about them. Nothing here changes a session."""

    def __init__(self, postgres: Postgres, watch: OrderWatch) -> None:
        self._postgres = postgres
        self._watch = watch

    async def identify(self, envelope: Envelope, message_type: str, body: bytes) -> Proved | Repeated | ErrorCode:
        """Name the signer of the request, or the refusal. Raises `DependencyUnavailable`."""
        return judge(envelope, message_type, body, await self._signer(envelope))

    async def sessions(self, signer: Signer) -> Sequence[ListedSession]:
        """The active sessions of the signer's user. Raises `DependencyUnavailable`."""
        return await self._postgres.unit_of_work(list_sessions, signer.user_id, signer.device_session_id)

    async def carry_out(self, order: SignedOrder) -> CarriedOut | ErrorCode | None:
        """File the order and wait. None: nothing became of it yet, and it stands, so an exact repeat asks again.

        Raises `DependencyUnavailable`. The order may then stand.
        """
        order_id = await self._postgres.unit_of_work(file_order, order)
        return await (self._twin(order) if order_id is None else self._watch.wait(order_id))

    async def carry_out_notice(self, order: NoticeOrder) -> CarriedOut | None:
        """File the order of a notice's token and wait, as `carry_out` does.

        A text that is no token files none, so strangers keep the internal process from nothing.
        """
        order_id = await self._postgres.unit_of_work(file_notice_order, order)
        if order_id is None:
            return CarriedOut(OrderOutcome.NOTICE_EXPIRED, 0)
        return await self._watch.wait(order_id)

    async def outcome(self, order_id: int) -> CarriedOut | None:
        """Wait for an order that stands."""
        return await self._watch.wait(order_id)

    async def _twin(self, order: SignedOrder) -> CarriedOut | ErrorCode | None:
        """The outcome of an order that another call filed at the same moment, if that was an exact repeat."""
        signer = await self._postgres.unit_of_work(read_signer, order.device_session_id, order.request_id)
        filed = None if signer is None else signer.filed
        if filed is None or filed.signature != order.signature:
            return ErrorCode.REQUEST_REPLAYED
        return await self._watch.wait(filed.order_id)

    async def _signer(self, envelope: Envelope) -> Signer | None:
        return await self._postgres.unit_of_work(read_signer, envelope.device_session_id, envelope.request_id)
