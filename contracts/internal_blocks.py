"""Requests and answers of the trusted block routes (SPEC §4.1). Decoders check the form only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from contracts.attribution import ATTRIBUTION_NAMES, encode_actor, read_attribution
from contracts.cursor import encode_position, invalid_cursor, read_position
from contracts.encoding import encode
from contracts.instant import decode_instant, encode_instant
from contracts.strict_json import Fields, decode_object, invalid, known_fields, read_filled_text, read_text
from contracts.strict_query import decode_query, read_limit

SubjectKind: TypeAlias = Literal["email", "user_id"]
BlockOutcome: TypeAlias = Literal["blocked", "already_blocked"]
UnblockOutcome: TypeAlias = Literal["unblocked", "not_blocked"]

DEFAULT_LIMIT: Final = 100

_UNBLOCK_NAMES = ATTRIBUTION_NAMES | {"email", "user_id"}
_BLOCK_NAMES = _UNBLOCK_NAMES | {"expires_at"}
_LIST_NAMES = frozenset({"limit", "cursor", "email", "user_id"})
_MAX_BLOCK_ID = 2**63 - 1  # Postgres bigint


@dataclass(frozen=True, slots=True)
class BlockSubjectRequest:
    """Blocks exactly one of `email` and `user_id`, until `expires_at`. None blocks until the block is removed."""

    email: str | None = field(repr=False)
    user_id: str | None
    expires_at: datetime | None
    reason_code: str
    actor_type: str
    actor_id: str | None


@dataclass(frozen=True, slots=True)
class UnblockSubjectRequest:
    """Removes the block of exactly one of `email` and `user_id`."""

    email: str | None = field(repr=False)
    user_id: str | None
    reason_code: str
    actor_type: str
    actor_id: str | None


@dataclass(frozen=True, slots=True)
class BlockCursor:
    """The last block of a page. The next page starts after it."""

    block_id: int


@dataclass(frozen=True, slots=True)
class ListBlocksQuery:
    """Asks for a page of blocks, or for the block of one `email` or one `user_id`."""

    limit: int = DEFAULT_LIMIT
    cursor: BlockCursor | None = None
    email: str | None = field(default=None, repr=False)
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class BlockAnswer:
    """One block. `subject_value` is a user id, or an e-mail in the form in which blocks compare it."""

    subject_kind: SubjectKind
    subject_value: str = field(repr=False)
    reason_code: str
    actor_type: str
    actor_id: str | None
    created_at: datetime
    expires_at: datetime | None = None


def decode_block_subject(body: bytes) -> BlockSubjectRequest:
    """The body of `POST user-blocks`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _BLOCK_NAMES)
    email, user_id = _read_subject(fields)
    return BlockSubjectRequest(email, user_id, _read_expires_at(fields), *read_attribution(fields))


def decode_unblock_subject(body: bytes) -> UnblockSubjectRequest:
    """The body of `POST user-blocks/remove`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _UNBLOCK_NAMES)
    return UnblockSubjectRequest(*_read_subject(fields), *read_attribution(fields))


def decode_list_blocks(query: str) -> ListBlocksQuery:
    """The query of `GET user-blocks`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    parameters = decode_query(query, _LIST_NAMES)
    email, user_id = _read_subject(parameters) if parameters.keys() & {"email", "user_id"} else (None, None)
    position = read_position(parameters)
    return ListBlocksQuery(
        limit=read_limit(parameters) or DEFAULT_LIMIT,
        cursor=None if position is None else _decode_position(position),
        email=email,
        user_id=user_id,
    )


def encode_block_subject(
    outcome: BlockOutcome,
    subject_kind: SubjectKind,
    subject_value: str,
    affected_device_session_ids: Sequence[str] = (),
) -> bytes:
    """The answer of `POST user-blocks`, with the sessions that the block revoked."""
    return encode(
        {
            "outcome": outcome,
            "subject_kind": subject_kind,
            "subject_value": subject_value,
            "affected_session_count": len(affected_device_session_ids),
            "affected_device_session_ids": list(affected_device_session_ids),
        }
    )


def encode_unblock_subject(outcome: UnblockOutcome, subject_kind: SubjectKind, subject_value: str) -> bytes:
    """The answer of `POST user-blocks/remove`."""
    return encode({"outcome": outcome, "subject_kind": subject_kind, "subject_value": subject_value})


def encode_blocks(blocks: Sequence[BlockAnswer], next_cursor: BlockCursor | None = None) -> bytes:
    """The answer of `GET user-blocks`. It has `next_cursor` only if more blocks remain."""
    answer: dict[str, object] = {"blocks": [_block(block) for block in blocks]}
    if next_cursor is not None:
        answer["next_cursor"] = encode_block_cursor(next_cursor)
    return encode(answer)


def encode_block_cursor(cursor: BlockCursor) -> str:
    """The cursor as opaque text for clients."""
    return encode_position(str(cursor.block_id))


def _read_subject(fields: Fields) -> tuple[str | None, str | None]:
    if ("email" in fields) == ("user_id" in fields):
        raise invalid("exactly one of email and user_id is required")
    if "email" in fields:
        return read_filled_text(fields, "email"), None
    return None, read_filled_text(fields, "user_id")


def _read_expires_at(fields: Fields) -> datetime | None:
    return decode_instant(read_text(fields, "expires_at"), "expires_at") if "expires_at" in fields else None


def _decode_position(position: str) -> BlockCursor:
    if not (position.isascii() and position.isdecimal() and position == position.lstrip("0") and len(position) <= 19):
        raise invalid_cursor()
    block_id = int(position)
    if block_id > _MAX_BLOCK_ID:
        raise invalid_cursor()
    return BlockCursor(block_id)


def _block(block: BlockAnswer) -> dict[str, object]:
    shown: dict[str, object] = {
        "subject_kind": block.subject_kind,
        "subject_value": block.subject_value,
        "reason_code": block.reason_code,
        "actor": encode_actor(block.actor_type, block.actor_id),
        "created_at": encode_instant(block.created_at),
    }
    if block.expires_at is not None:
        shown["expires_at"] = encode_instant(block.expires_at)
    return shown
