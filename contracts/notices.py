"""The end of a session by the token of a notice (SPEC §20.3)."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

from contracts.encoding import encode
from contracts.errors import ErrorCode, Refusal
from contracts.self_service import OrderOutcome
from contracts.strict_json import decode_object, known_fields, read_flag, read_text

NOT_ME_PATH: Final = "/not-me"
REVOKE_BY_NOTICE_PATH: Final = "/api/v1/public/notices/revoke"

_NAMES = frozenset({"token", "everything"})
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RevokeByNotice:
    """Ends the session of a notice; with `everything` all sessions of its user."""

    token: str = field(repr=False)
    everything: bool = False

    @property
    def token_hash(self) -> bytes:
        """The only form in which a token is kept."""
        return hashlib.sha256(self.token.encode("ascii")).digest()


def decode_revoke_by_notice(body: bytes) -> RevokeByNotice:
    """The request. Raises `Refusal`, and nothing else: `notice_expired` for a text that can be no token."""
    fields = known_fields(decode_object(body), _NAMES)
    everything = read_flag(fields, "everything")
    token = read_text(fields, "token")
    if not _TOKEN.fullmatch(token):
        raise Refusal(ErrorCode.NOTICE_EXPIRED)
    return RevokeByNotice(token, everything)


def encode_revoked_by_notice(outcome: OrderOutcome, session_count: int) -> bytes:
    """The answer: `revoked` or `already_revoked`, and how many sessions this request ended."""
    return encode({"outcome": outcome.value, "affected_session_count": session_count})
