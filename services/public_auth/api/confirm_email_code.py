"""`POST confirm-email-code` (SPEC §2, §3.7). Syntax, key and proof are checked here: before the code, at no cost."""

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
    """The endpoint; `public_host` is what proofs are made for, None where they cannot be checked."""

    async def endpoint(request: Request) -> Response:
        asked = decode_confirm(request.body)
        code = read_code(asked.code)
        command = ConfirmCode(
            challenge_id=asked.challenge_id,
            code=code,
            client_key=(client_key := _client_key(asked)),
            proven=_proven(asked, code, client_key, public_host),
            time_zone=_time_zone(asked),
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
    """A proof is asked for that nobody can check: not the client's fault, and no reason to take a key without one."""
    _log.error("require_client_key_proof is on, but AUTHSESSION_PUBLIC_HOST is not set: every confirm is refused")
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
    """Whether a right proof came along. It signs the six digits, however they were typed (SPEC §3.9).

    A proof that cannot be checked, for want of a host, is not taken for right.
    """
    if asked.client_key_proof is None:
        return False
    if public_host is None:
        _log.warning("a client_key_proof came that cannot be checked: AUTHSESSION_PUBLIC_HOST is not set")
        raise Refusal(
            ErrorCode.INVALID_REQUEST, "client_key_proof cannot be checked here: no public host is configured"
        )
    if not verify_client_key_proof(client_key, public_host, asked.challenge_id, code, asked.client_key_proof):
        raise Refusal(ErrorCode.INVALID_CLIENT_PUBLIC_KEY, "client_key_proof is wrong")
    return True


def _time_zone(asked: ConfirmEmailCodeRequest) -> str | None:
    """None for a name that we do not know: devices invent some (`GMT+02:00`), and nobody may fail to log in by that."""
    return asked.time_zone if asked.time_zone is not None and is_time_zone(asked.time_zone) else None


def _check_code(code: str) -> None:
    if not is_code(code):
        raise Refusal(ErrorCode.INVALID_CODE)
