"""The routes of blocks (SPEC §4.1)."""

from dataclasses import dataclass
from functools import partial
from typing import assert_never

from contracts.errors import ErrorCode, Refusal
from contracts.internal_blocks import (
    BlockAnswer,
    BlockCursor,
    decode_block_subject,
    decode_list_blocks,
    decode_unblock_subject,
    encode_block_subject,
    encode_blocks,
    encode_unblock_subject,
)
from services.internal_admin.blocks import store
from services.internal_admin.blocks.domain import (
    AlreadyBlocked,
    Blocked,
    BlockOutcome,
    BlockSubject,
    ExpiryPassed,
    ListedBlock,
    UnblockOutcome,
    UnblockSubject,
)
from services.internal_admin.blocks.flow import block_subject
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import INTERNAL
from services.internal_admin.callers.request import cause_of, subject_of
from services.internal_admin.callers.route import Route
from services.internal_admin.changes.api import answered, response
from services.internal_admin.changes.domain import session_ids
from services.internal_admin.changes.flow import PublishedChange
from services.internal_admin.sessions.domain import UserNotFound
from shared.io.postgres import Postgres
from shared.kernel.block import Subject
from shared.users.directory import UserDirectory
from shared.web.exchange import Request, Response

_BLOCKS = INTERNAL + "/user-blocks"


@dataclass(frozen=True, slots=True)
class BlockApi:
    """Blocks and unblocks subjects, and lists blocks."""

    postgres: Postgres
    change: PublishedChange
    users: UserDirectory | None

    async def list(self, request: Request, _: Identity | None) -> Response:
        """The blocks that stand, or the block of one subject."""
        asked = decode_list_blocks(request.query)
        if asked.email is not None or asked.user_id is not None:
            subject = subject_of(asked.email, asked.user_id)
            page = await self.postgres.unit_of_work(store.find_block, subject)
        else:
            after = asked.cursor and asked.cursor.block_id
            page = await self.postgres.unit_of_work(store.list_blocks, after, asked.limit)
        next_cursor = BlockCursor(page.items[-1].block_id) if page.has_more else None
        return Response(200, encode_blocks([_answer(listed) for listed in page.items], next_cursor))

    async def block(self, request: Request, identity: Identity | None) -> Response:
        """Block a subject and revoke its sessions."""
        asked = decode_block_subject(request.body)
        subject = subject_of(asked.email, asked.user_id)
        command = BlockSubject(subject, asked.expires_at, cause_of(request, identity, asked))
        change = answered(self.change, request, identity, partial(_blocked, subject))
        return response(await block_subject(command, change, self.postgres, self.users))

    async def unblock(self, request: Request, identity: Identity | None) -> Response:
        """Remove the block of a subject: the next confirm succeeds. A repeat changes nothing."""
        asked = decode_unblock_subject(request.body)
        subject = subject_of(asked.email, asked.user_id)
        command = UnblockSubject(subject, cause_of(request, identity, asked))
        change = answered(self.change, request, identity, partial(_unblocked, subject))
        return response(await change.make(store.unblock_subject, command))


ROUTES: tuple[Route[BlockApi], ...] = (
    Route("GET", _BLOCKS, BlockApi.list, access=Scoped(Scope.BLOCKS_READ)),
    Route("POST", _BLOCKS, BlockApi.block, access=Scoped(Scope.BLOCKS_WRITE), accepts_body=True),
    Route("POST", _BLOCKS + "/remove", BlockApi.unblock, access=Scoped(Scope.BLOCKS_WRITE), accepts_body=True),
)


def _blocked(subject: Subject, outcome: BlockOutcome) -> bytes:
    match outcome:
        case Blocked(changes, before):
            return encode_block_subject("blocked", subject.kind, subject.value, before + session_ids(changes))
        case AlreadyBlocked(changes, before):
            return encode_block_subject("already_blocked", subject.kind, subject.value, before + session_ids(changes))
        case UserNotFound():
            raise Refusal(ErrorCode.SUBJECT_NOT_FOUND)
        case ExpiryPassed():
            raise Refusal(ErrorCode.INVALID_REQUEST, "expires_at must be in the future")
        case _:
            assert_never(outcome)


def _unblocked(subject: Subject, outcome: UnblockOutcome) -> bytes:
    return encode_unblock_subject(outcome.name, subject.kind, subject.value)


def _answer(listed: ListedBlock) -> BlockAnswer:
    block = listed.block
    return BlockAnswer(
        block.subject.kind,
        block.subject.value,
        block.reason_code,
        block.actor.type,
        block.actor.id,
        block.created_at,
        block.expires_at,
    )
