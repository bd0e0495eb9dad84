"""Requests and answers of the trusted user routes: find, list, change an address, erase (SPEC §4.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from contracts.attribution import ATTRIBUTION_NAMES, Attribution, read_attribution
from contracts.cursor import encode_position, read_position
from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.strict_json import decode_object, invalid, known_fields, read_filled_text
from contracts.strict_query import decode_query, read_limit

DEFAULT_LIMIT: Final = 100

_FIND_NAMES = frozenset({"email", "limit", "cursor"})


@dataclass(frozen=True, slots=True)
class User:
    """A user. `email` is the spelling that letters go to, with the domain as A-labels.

    `preferred_language` is a BCP 47 tag, `time_zone` an IANA name.
    """

    user_id: str
    email: str = field(repr=False)
    created_at: datetime
    preferred_language: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class UserCursor:
    """The last user of a page. The next page starts after this user."""

    user_id: str


@dataclass(frozen=True, slots=True)
class FindUsersQuery:
    """Asks for the user of `email`, or without it for a page of all users."""

    email: str | None = field(default=None, repr=False)
    limit: int = DEFAULT_LIMIT
    cursor: UserCursor | None = None


@dataclass(frozen=True, slots=True)
class ChangeUserEmailRequest:
    """Gives the user in the path another address."""

    email: str = field(repr=False)
    reason_code: str
    actor_type: str
    actor_id: str | None


def decode_find_users(query: str) -> FindUsersQuery:
    """The query of `GET users`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    parameters = decode_query(query, _FIND_NAMES)
    if "email" in parameters:
        if len(parameters) > 1:
            raise invalid("email cannot be combined with limit or cursor")
        return FindUsersQuery(email=read_filled_text(parameters, "email"))
    position = read_position(parameters)
    return FindUsersQuery(
        limit=read_limit(parameters) or DEFAULT_LIMIT, cursor=None if position is None else UserCursor(position)
    )


def encode_user(user: User) -> bytes:
    """The answer of `GET users?email=`."""
    return encode({"user": _user(user)})


def encode_users(users: Sequence[User], next_cursor: UserCursor | None = None) -> bytes:
    """The answer of `GET users` without an e-mail. It has `next_cursor` only if more users remain."""
    answer: dict[str, object] = {"users": [_user(user) for user in users]}
    if next_cursor is not None:
        answer["next_cursor"] = encode_user_cursor(next_cursor)
    return encode(answer)


def encode_user_cursor(cursor: UserCursor) -> str:
    """The cursor as opaque text for clients."""
    return encode_position(cursor.user_id)


def decode_change_user_email(body: bytes) -> ChangeUserEmailRequest:
    """The body of `PATCH users/{user_id}`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), ATTRIBUTION_NAMES | {"email"})
    return ChangeUserEmailRequest(read_filled_text(fields, "email"), *read_attribution(fields))


def encode_change_user_email(outcome: Literal["changed", "unchanged"], user_id: str) -> bytes:
    """The answer of `PATCH users/{user_id}`. It names no address, because it may be stored for repeats."""
    return encode({"outcome": outcome, "user_id": user_id})


def decode_delete_user(body: bytes) -> Attribution:
    """The body of `DELETE users/{user_id}`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), ATTRIBUTION_NAMES)
    return read_attribution(fields)


def encode_delete_user(
    user_id: str,
    affected_device_session_ids: Sequence[str],
    is_address_kept_for_block: bool,  # noqa: FBT001 - the field it becomes
) -> bytes:
    """The answer of `DELETE users/{user_id}`, with the sessions that the deletion revoked."""
    return encode(
        {
            "outcome": "deleted",
            "user_id": user_id,
            "affected_session_count": len(affected_device_session_ids),
            "affected_device_session_ids": list(affected_device_session_ids),
            "address_kept_for_block": is_address_kept_for_block,
        }
    )


def _user(user: User) -> dict[str, str]:
    return {
        "user_id": user.user_id,
        "email": user.email,
        "created_at": encode_instant(user.created_at),
        "preferred_language": user.preferred_language,
        "time_zone": user.time_zone,
    }
