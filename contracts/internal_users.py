"""The trusted look-up of a user by e-mail (SPEC §4.1)."""

from dataclasses import dataclass, field
from datetime import datetime

from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.strict_json import read_filled_text
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
