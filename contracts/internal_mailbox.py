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


@dataclass(frozen=True, slots=True, repr=False)
class MailboxLetter:
    """One letter without a login code: a `notice` or an `invitation`. `token` is that of a notice's link."""

    kind: str
    email: str
    locale: str
    device_session_id: str | None
    device_label: str | None
    token: str | None
    sent_at: datetime


def decode_read_mailbox(query: str) -> str:
    """The e-mail of the query; raises `Refusal(INVALID_REQUEST)` and nothing else."""
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


def encode_letters(letters: Sequence[MailboxLetter]) -> bytes:
    """The answer of `GET dev/letters`, in the order given (newest first). A value that a letter lacks is null."""
    return encode({"letters": [_letter(letter) for letter in letters]})


def _letter(letter: MailboxLetter) -> dict[str, str | None]:
    return {
        "kind": letter.kind,
        "email": letter.email,
        "locale": letter.locale,
        "device_session_id": letter.device_session_id,
        "device_label": letter.device_label,
        "token": letter.token,
        "sent_at": encode_instant(letter.sent_at),
    }
