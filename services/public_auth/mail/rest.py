"""The `rest` transport (SPEC §7.1): another service writes and sends the letter."""

import logging
from datetime import timedelta
from http import HTTPStatus

from contracts.encoding import encode
from contracts.errors import Refusal
from contracts.strict_json import decode_object
from services.public_auth.mail.transport import (
    MALFORMED_ANSWER,
    Delivered,
    DeliveryOutcome,
    Letter,
    Suppressed,
    Undelivered,
)
from shared.io.http_client import Answer, HttpClient, NoAnswer

PATH = "/api/v1/internal/login-code-deliveries"
_log = logging.getLogger("authsession.mail.rest")
_REFUSALS_OF_THIS_LETTER = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


class RestTransport:
    """Each letter is one POST; its body and `Idempotency-Key` stay the same however often it is tried."""

    def __init__(self, client: HttpClient, *, timeout: timedelta) -> None:
        """`client` has the base URL of the mail service; `timeout` is for one letter."""
        self._client = client
        self.timeout = timeout

    async def deliver(self, letter: Letter, timeout: timedelta) -> DeliveryOutcome:
        """The service's outcome; 400 and 422 refuse this letter for good, whatever else is tried again."""
        body = encode({"email": letter.email, "code": letter.code, "locale": letter.locale})
        headers = {"Idempotency-Key": letter.idempotency_key}
        try:
            answer = await self._client.call("POST", PATH, timeout=timeout, body=body, headers=headers)
        except NoAnswer as fault:
            return Undelivered(MALFORMED_ANSWER if fault.is_unusable else fault.failure)
        return _outcome(answer)


def _outcome(answer: Answer) -> DeliveryOutcome:
    if 200 <= answer.status <= 299:
        return _decoded(answer)
    return Undelivered(f"status_{answer.status}", permanent=answer.status in _REFUSALS_OF_THIS_LETTER)


def _decoded(answer: Answer) -> DeliveryOutcome:
    """Exactly `{"outcome":"sent"|"suppressed"}`. What says anything else may have sent it: tried again, same key."""
    try:
        fields = decode_object(answer.body)
    except Refusal:
        fields = {}
    if fields == {"outcome": "sent"}:
        return Delivered()
    if fields == {"outcome": "suppressed"}:
        return Suppressed()
    _log.warning(
        'the mail service must answer 200 with {"outcome":"sent"} or {"outcome":"suppressed"} and nothing else',
        extra={"status": answer.status},
    )
    return Undelivered(MALFORMED_ANSWER)
