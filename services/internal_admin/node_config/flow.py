"""Answers of polls and of documents, and what a status leads to (SPEC §16.3)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg
import trio

from contracts.errors import ErrorCode, Refusal
from contracts.node.manifest import Statement, encode_statement
from contracts.node.poll import Poll, encode_poll_answer
from contracts.node.report import Report
from contracts.node.signed import STATEMENT_MARKER, Signed
from contracts.node.status import Status, encode_report
from services.internal_admin.callers.identity import Caller, NodeCaller
from services.internal_admin.node_config import metrics, store
from services.internal_admin.node_config.domain.head import Head, Offer, is_news
from services.internal_admin.node_config.domain.status import Change, Told, decide_status, is_late
from services.internal_admin.node_config.offers import Offers
from services.internal_admin.node_config.published import Published
from services.internal_admin.node_config.wake import Wake
from services.internal_admin.node_config.watch import HeadWatch
from shared.io.postgres import Postgres
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.entropy import Entropy
from shared.kernel.faults import Overloaded
from shared.web.holding import Hold

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_OLDEST_VIEW = 0.5
"""Seconds that the view of the heads may be old when a poll begins."""
_TOGETHER = 3
"""Statuses at Postgres at once."""
_ATTEMPTS = 4
"""Statuses of one node that meet: each attempt reads what the other wrote."""


@dataclass(frozen=True, slots=True)
class Polls:
    """Answers polls and documents. Waiting holds no connection of Postgres."""

    postgres: Postgres
    watch: HeadWatch
    published: Published
    offers: Offers
    keys: ConfigKeys = field(repr=False)
    entropy: Entropy

    @property
    def can_sign(self) -> bool:
        """Whether the installation has signing keys. Without one no poll can be answered."""
        return bool(self.keys.public_keys())

    async def answer(self, asked: Poll, node: NodeCaller, hold: Callable[[], Hold]) -> bytes:
        """The signed statement, and the manifest if the node has not seen it.

        A poll without news waits. News comes from a look that began after the poll did: an older view may be from
        before the node's own configuration, which another process gave it.
        """
        asked_at = trio.current_time()
        await self.watch.look_since(asked_at - _OLDEST_VIEW)
        offer = await self._offer(asked, node)
        if is_news(offer, asked):
            await self.watch.look_since(asked_at)
            offer = await self._offer(asked, node)
        if asked.wait and not is_news(offer, asked):
            offer = await self._wait(asked, node, hold)
        return await self._encoded(offer, asked, node)

    async def document(self, digest: str, node: NodeCaller) -> bytes:
        """The bytes of a document of the node's pool. Raises `Refusal(DOCUMENT_NOT_FOUND)`."""
        document = await self.published.document(node.pool, digest)
        if document is None:
            raise Refusal(ErrorCode.DOCUMENT_NOT_FOUND)
        return document

    async def _wait(self, asked: Poll, node: NodeCaller, hold: Callable[[], Hold]) -> Offer:
        """Wait for news, at most as long as asked for. Raises `Refusal(NODE_REVOKED)`.

        The poll is registered before the offer is read again, so that no change falls between.
        """
        until = trio.current_time() + asked.wait * (1 + self.entropy.token_bytes(1)[0] / 255 / 16)
        with hold() as held, self.watch.holding(node.node_id, node.pool, asked, held) as poll:
            offer = await self._offer(asked, node)
            while not (is_news(offer, asked) or poll.is_over or trio.current_time() >= until):
                await held.wait(until - trio.current_time())
                offer = await self._offer(asked, node)
        if poll.is_revoked:
            raise Refusal(ErrorCode.NODE_REVOKED)
        if poll.is_replaced:
            raise Overloaded
        return offer

    async def _offer(self, asked: Poll, node: NodeCaller) -> Offer:
        """The manifest that the node should have. After a halt it matters whether the node was offered the stage's."""
        head = self.watch.head(node.pool)
        was_offered = head.newest.digest in (asked.have, asked.rejected)
        if head.halted_at is not None and not was_offered:
            was_offered = await self._knows_stage(node, head)
        return head.offer_to(node.node_id, was_offered=was_offered)

    async def _knows_stage(self, node: NodeCaller, head: Head) -> bool:
        return await self.postgres.unit_of_work(store.knows_stage, node.node_id, head)

    async def _encoded(self, offer: Offer, asked: Poll, node: NodeCaller) -> bytes:
        """The answer. Raises `Overloaded` if the manifest was replaced at this moment: a repeat gets the new one."""
        issued_at_ms = (self.watch.now() - _EPOCH) // _MILLISECOND
        statement = Statement(node.node_id, node.request_id, node.pool, offer.position, offer.digest, issued_at_ms)
        signed = self._signed(encode_statement(statement))
        if offer.digest is None or not is_news(offer, asked):
            return encode_poll_answer(signed, None)
        manifest = await self.published.manifest(offer.digest)
        if manifest is None:
            raise Overloaded
        self.offers.note(node.node_id, offer.position)
        return encode_poll_answer(signed, manifest)

    def _signed(self, payload: bytes) -> Signed:
        return Signed(payload, self.keys.sign(STATEMENT_MARKER, payload))


@dataclass(frozen=True, slots=True)
class Statuses:
    """Records statuses. Of two statuses of a node, the one that was signed later holds, in whatever order they come.

    After an activation every node reports at once. Few statuses are at Postgres together and the others wait here, so
    that they leave connections to other requests, and none is refused because it waited for a connection.
    """

    postgres: Postgres
    wake: Wake
    places: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(_TOGETHER))

    async def record(self, status: Status, node: NodeCaller, caller: Caller) -> None:
        """Write what the status changes, and the last uses in it.

        Raises `Refusal(NODE_REVOKED)`, and then nothing is written.
        """
        async with self.places:
            are_uses_noted = await self._record(status, node, caller)
        if status.report is not None:
            await self._keep_last_uses(status.report, are_noted=are_uses_noted)

    async def _record(self, status: Status, node: NodeCaller, caller: Caller) -> bool:
        """Write the status. Returns whether it was noted lately that nodes tell of last uses."""
        report = None if status.report is None else encode_report(status.report)
        for _ in range(_ATTEMPTS):
            read = await self.postgres.unit_of_work(store.read_told, node.node_id)
            change = decide_status(read.told, status, node.signed_at_ms, read.now)
            if change is None:
                if not is_late(read.told, node.signed_at_ms, read.now):
                    self._count(status, node)
                return read.are_uses_noted
            if await self._write(change, read.told, report, node, caller):
                self._count(status, node)
                return read.are_uses_noted
        raise Overloaded

    async def _write(self, change: Change, before: Told, report: str | None, node: NodeCaller, caller: Caller) -> bool:
        """Whether the change was written; False: another status of the node came between."""
        write = store.write_told
        written = await self.postgres.unit_of_work(write, node.node_id, node.pool, change, report, caller)
        if written is None:
            if await self.postgres.unit_of_work(store.is_revoked, node.node_id):
                raise Refusal(ErrorCode.NODE_REVOKED)
            return False
        if written.wakes:
            self.wake.notify()
        metrics.count_change(node.pool, change, before, written.applied_after)
        return True

    def _count(self, status: Status, node: NodeCaller) -> None:
        if status.report is not None:
            metrics.count_report(node.pool, status.report)

    async def _keep_last_uses(self, report: Report, *, are_noted: bool) -> None:
        """Keep the last uses of sessions. Those that meet the removal of a session are lost.

        A report without uses and without requests says too that the gateway tells. One with requests alone may come
        from a gateway that knows no sessions.
        """
        if report.last_used:
            with suppress(asyncpg.ForeignKeyViolationError):
                await self.postgres.unit_of_work(store.keep_last_uses, report.last_used)
        if not are_noted and (report.last_used or not report.passed):
            await self.postgres.unit_of_work(store.note_last_uses_told, only_renews=not report.last_used)
