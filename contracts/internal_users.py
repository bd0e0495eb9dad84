"""The trusted routes of users: looking one up by e-mail (SPEC §4.1), and erasing one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from contracts.attribution import ATTRIBUTION_NAMES, Attribution, read_attribution
from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.strict_json import decode_object, known_fields, read_filled_text
from contracts.strict_query import decode_query


@dataclass(frozen=True, slots=True)
class UserAnswer:
    """A user; `preferred_language` is a BCP 47 tag, `time_zone` an IANA name."""

    user_id: str
    email: str = field(repr=False)
    created_at: datetime
    preferred_language: str
    time_zone: str


def decode_find_user(query: str) -> str:
    """The e-mail of `GET users?email=`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    return read_filled_text(decode_query(query, frozenset({"email"})), "email")


def encode_user(user: UserAnswer) -> bytes:
    """The answer of `GET users?email=`."""
    return encode(
        {
            "user": {
                "user_id": user.user_id,
                "email": user.email,
                "created_at": encode_instant(user.created_at),
                "preferred_language": user.preferred_language,
                "time_zone": user.time_zone,
            }
        }
    )


def decode_delete_user(body: bytes) -> Attribution:
    """The body of `DELETE users/{user_id}`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), ATTRIBUTION_NAMES)
    return read_attribution(fields)


def encode_delete_user(
    user_id: str,
    affected_device_session_ids: Sequence[str],
    is_address_kept_for_block: bool,  # noqa: FBT001 - the field it becomes
) -> bytes:
    """The answer of `DELETE users/{user_id}`, with the sessions that this revoked."""
    return encode(
        {
            "outcome": "deleted",
            "user_id": user_id,
            "affected_session_count": len(affected_device_session_ids),
            "affected_device_session_ids": list(affected_device_session_ids),
            "address_kept_for_block": is_address_kept_for_block,
        }
    )
