"""`POST confirm-email-code` (SPEC §2, §3.7). It checks form, key and proof first, which costs no attempt."""

import logging
from datetime import timedelta

from contracts.errors import ErrorCode, Refusal
from contracts.public_auth import ConfirmEmailCodeRequest, decode_confirm, encode_device_session
from services.public_auth.domain.confirm import ConfirmRefusal
from services.public_auth.domain.login_code import is_code, read_code
from services.public_auth.flows.confirm_code import ConfirmCode, ConfirmCodeFlow, Confirmed
from shared.kernel.client_key import ClientPublicKey, parse_client_public_key, verify_client_key_proof
from shared.kernel.time_zone import is_time_zone
from shared.web.exchange import Endpoint, Request, Response
from shared.web.refusals import refusal

_RETRY_AFTER_CURE = timedelta(minutes=1)
_KEY_FORM = "client_public_key must be the 32 bytes of an Ed25519 public key in standard base64: 44 characters, padded"
_log = logging.getLogger("authsession.login.confirm_email_code")


def confirm_email_code(flow: ConfirmCodeFlow, public_host: str | None) -> Endpoint:
    """The endpoint. `public_host` is the host in client key proofs; None if proofs cannot be checked."""

    async def endpoint(request: Request) -> Response:
        asked = decode_confirm(request.body)
        code = read_code(asked.code)
        command = ConfirmCode(
            challenge_id=asked.challenge_id,
            code=code,
            client_key=(client_key := _client_key(asked)),
            proven=_proven(asked, code, client_key, public_host),
            time_zone=_time_zone(asked),
            label=asked.device_label,
            network=request.client.network,
            request_id=request.request_id,
        )
        _check_code(code)
        outcome = await flow.run(command)
        if outcome is ConfirmRefusal.CLIENT_KEY_PROOF_MISSING and public_host is None:
            return _unprovable()
        return _answer(outcome)

    return endpoint


def _unprovable() -> Response:
    """503: a proof is required and cannot be checked. The client is not at fault, and no key is accepted without it."""
    _log.error("confirm refused: require_client_key_proof is on, but AUTHSESSION_PUBLIC_HOST is not set")
    return refusal(ErrorCode.SERVICE_UNAVAILABLE, retry_after=_RETRY_AFTER_CURE)


def _answer(outcome: Confirmed | ConfirmRefusal) -> Response:
    match outcome:
        case Confirmed(device_session_id):
            return Response(200, encode_device_session(device_session_id))
        case ConfirmRefusal.CLIENT_KEY_PROOF_MISSING:
            return refusal(ErrorCode.INVALID_CLIENT_PUBLIC_KEY, "client_key_proof is required here")
        case _:
            return refusal(ErrorCode(outcome))


def _client_key(asked: ConfirmEmailCodeRequest) -> ClientPublicKey:
    try:
        return parse_client_public_key(asked.client_public_key)
    except ValueError:
        raise Refusal(ErrorCode.INVALID_CLIENT_PUBLIC_KEY, _KEY_FORM) from None


def _proven(asked: ConfirmEmailCodeRequest, code: str, client_key: ClientPublicKey, public_host: str | None) -> bool:
    """Whether the request has a right proof. It signs the six digits, in whatever form they were typed (SPEC §3.9).

    Refuses a wrong proof, and any proof if no public host is set to check it.
    """
    if asked.client_key_proof is None:
        return False
    if public_host is None:
        _log.warning("client_key_proof refused: AUTHSESSION_PUBLIC_HOST is not set")
        raise Refusal(
            ErrorCode.INVALID_REQUEST, "client_key_proof cannot be checked here: no public host is configured"
        )
    if not verify_client_key_proof(client_key, public_host, asked.challenge_id, code, asked.client_key_proof):
        raise Refusal(ErrorCode.INVALID_CLIENT_PUBLIC_KEY, "client_key_proof is wrong")
    return True


def _time_zone(asked: ConfirmEmailCodeRequest) -> str | None:
    """The time zone, or None for an unknown name: devices send some (`GMT+02:00`), which must not fail a login."""
    return asked.time_zone if asked.time_zone is not None and is_time_zone(asked.time_zone) else None


def _check_code(code: str) -> None:
    if not is_code(code):
        raise Refusal(ErrorCode.INVALID_CODE)
