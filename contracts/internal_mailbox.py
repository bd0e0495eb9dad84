"""The development mailbox of `stub` mail (SPEC §7.1). Its answer shows login codes; production has no such route."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.strict_json import read_filled_text
from contracts.strict_query import decode_query


@dataclass(frozen=True, slots=True, repr=False)
class MailboxMessage:
    """One mailed login code. It has no repr, because it holds the code."""

    email: str
    code: str
    locale: str
    challenge_id: str
    sent_at: datetime


def decode_read_mailbox(query: str) -> str:
    """The e-mail of `GET dev/mailbox?email=`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    return read_filled_text(decode_query(query, frozenset({"email"})), "email")


def encode_mailbox(messages: Sequence[MailboxMessage]) -> bytes:
    """The answer of `GET dev/mailbox`, in the order given (newest first)."""
    return encode({"messages": [_message(message) for message in messages]})


def _message(message: MailboxMessage) -> dict[str, str]:
    return {
        "email": message.email,
        "code": message.code,
        "locale": message.locale,
        "challenge_id": message.challenge_id,
        "sent_at": encode_instant(message.sent_at),
    }
