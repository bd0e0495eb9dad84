"""Requests and answers of invitations (SPEC §20.4). Decoders check the form only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from contracts.cursor import encode_position, read_position
from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.strict_json import (
    Fields,
    decode_object,
    invalid,
    known_fields,
    read_filled_text,
    read_flag,
    read_optional_text,
    read_whole_number,
)
from contracts.strict_query import decode_query, read_limit

InvitationStatus: TypeAlias = Literal["open", "accepted", "expired"]
InviteOutcome: TypeAlias = Literal["invited", "renewed"]

DEFAULT_LIFE: Final = timedelta(days=14)
MAX_LIFE: Final = timedelta(days=90)
DEFAULT_LIMIT: Final = 100

_INVITE_NAMES = frozenset({"email", "send", "locale", "expires_in_days"})
_LIST_NAMES = frozenset({"limit", "cursor"})
_LANGUAGE_TAG = re.compile(r"[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8}){0,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class InviteRequest:
    """Invites an address. With `send` a letter tells its reader, in the language `locale`, or in English."""

    email: str = field(repr=False)
    send: bool = False
    locale: str | None = None
    life: timedelta = DEFAULT_LIFE


@dataclass(frozen=True, slots=True)
class ListInvitationsQuery:
    """Asks for at most `limit` invitations that follow the id `after`."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation. `created_by` is the caller who made or last renewed it."""

    invitation_id: str
    email: str = field(repr=False)
    status: InvitationStatus
    created_by: str
    created_at: datetime
    expires_at: datetime


def decode_invite(body: bytes) -> InviteRequest:
    """The body of `POST access/invitations`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _INVITE_NAMES)
    days = read_whole_number(fields, "expires_in_days", 1, MAX_LIFE.days, DEFAULT_LIFE.days)
    email, sends = read_filled_text(fields, "email"), read_flag(fields, "send")
    return InviteRequest(email, sends, _read_locale(fields), timedelta(days))


def decode_list_invitations(query: str) -> ListInvitationsQuery:
    """The query of `GET access/invitations`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    parameters = decode_query(query, _LIST_NAMES)
    return ListInvitationsQuery(read_limit(parameters) or DEFAULT_LIMIT, read_position(parameters))


def encode_invite(outcome: InviteOutcome, invitation_id: str, expires_at: datetime, *, letter_queued: bool) -> bytes:
    """The answer of `POST access/invitations`. It holds no address, because it may be kept for a repeat."""
    return encode(
        {
            "outcome": outcome,
            "invitation_id": invitation_id,
            "expires_at": encode_instant(expires_at),
            "letter_queued": letter_queued,
        }
    )


def encode_invitations(invitations: Sequence[Invitation], next_after: str | None) -> bytes:
    """The answer of `GET access/invitations`; `next_cursor` only if more remain."""
    answer: dict[str, object] = {"invitations": [_invitation(each) for each in invitations]}
    if next_after is not None:
        answer["next_cursor"] = encode_position(next_after)
    return encode(answer)


def encode_delete_invitation(invitation_id: str) -> bytes:
    """The answer of `DELETE access/invitations/{invitation_id}`."""
    return encode({"outcome": "deleted", "invitation_id": invitation_id})


def _read_locale(fields: Fields) -> str | None:
    locale = read_optional_text(fields, "locale")
    if locale is not None and not _LANGUAGE_TAG.fullmatch(locale):
        raise invalid("locale must be a language tag such as de or pt-BR")
    return locale


def _invitation(invitation: Invitation) -> dict[str, object]:
    return {
        "invitation_id": invitation.invitation_id,
        "email": invitation.email,
        "status": invitation.status,
        "created_by": invitation.created_by,
        "created_at": encode_instant(invitation.created_at),
        "expires_at": encode_instant(invitation.expires_at),
    }
