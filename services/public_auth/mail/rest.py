"""The `rest` transport (SPEC §7.1): a mail service writes and sends the letter."""

import logging
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from contracts.encoding import encode
from contracts.errors import Refusal
from contracts.instant import encode_instant
from contracts.strict_json import decode_object
from services.public_auth.mail.transport import (
    MALFORMED_ANSWER,
    AnyLetter,
    Delivered,
    DeliveryOutcome,
    Invitation,
    Letter,
    Notice,
    Suppressed,
    Undelivered,
)
from shared.io.http_client import HttpClient, NoAnswer

CODES: Final = "/api/v1/internal/login-code-deliveries"
NOTICES: Final = "/api/v1/internal/notice-deliveries"
INVITATIONS: Final = "/api/v1/internal/invitation-deliveries"
_log = logging.getLogger("authsession.mail.rest")
_REFUSALS_OF_THIS_LETTER = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


class RestTransport:
    """Sends each letter as one POST. Retries have the same body and the same `Idempotency-Key`."""

    def __init__(self, client: HttpClient, *, timeout: timedelta) -> None:
        """`client` has the base URL of the mail service. `timeout` bounds one letter."""
        self._client = client
        self.timeout = timeout

    async def deliver(self, letter: AnyLetter, timeout: timedelta) -> DeliveryOutcome:
        """The outcome that the service answers. 400 and 422 refuse this letter for good; other failures are retried."""
        try:
            answer = await self._client.call(
                "POST", path_of(letter), timeout=timeout, body=body_of(letter), headers=headers_of(letter)
            )
        except NoAnswer as fault:
            return Undelivered(MALFORMED_ANSWER if fault.is_unusable else fault.failure)
        return outcome_of(answer.status, answer.body)


def path_of(letter: AnyLetter) -> str:
    """The path of the POST, below the base URL."""
    match letter:
        case Letter():
            return CODES
        case Notice():
            return NOTICES
        case Invitation():
            return INVITATIONS


def body_of(letter: AnyLetter) -> bytes:
    """The body of the POST."""
    match letter:
        case Letter():
            return encode({"email": letter.email, "code": letter.code, "locale": letter.locale})
        case Notice():
            return encode(
                {
                    "email": letter.email,
                    "locale": letter.locale,
                    "logged_in_at": encode_instant(letter.queued_at),
                    "time_zone": letter.time_zone,
                    "device_label": letter.label,
                    "revoke_url": letter.link,
                }
            )
        case Invitation():
            return encode({"email": letter.email, "locale": letter.locale})


def headers_of(letter: AnyLetter) -> dict[str, str]:
    """The header by which a mail service knows a retry."""
    key = letter.idempotency_key if isinstance(letter, Letter) else str(letter.delivery_id)
    return {"Idempotency-Key": key}


def outcome_of(status: int, body: bytes) -> DeliveryOutcome:
    """The outcome that an answer means."""
    if 200 <= status <= 299:
        return _decoded(status, body)
    return Undelivered(f"status_{status}", permanent=status in _REFUSALS_OF_THIS_LETTER)


def _decoded(status: int, body: bytes) -> DeliveryOutcome:
    """Accepts only `{"outcome":"sent"|"suppressed"}`. Any other answer means a retry with the same key."""
    try:
        fields = decode_object(body)
    except Refusal:
        fields = {}
    if fields == {"outcome": "sent"}:
        return Delivered()
    if fields == {"outcome": "suppressed"}:
        return Suppressed()
    _log.warning(
        'mail service answered wrongly: it must answer {"outcome":"sent"} or {"outcome":"suppressed"}, nothing else',
        extra={"status": status},
    )
    return Undelivered(MALFORMED_ANSWER)
