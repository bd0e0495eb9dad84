"""Requests and answers of the two public routes (SPEC §2).

Decoders check the form only; `shared.kernel` decides whether an e-mail, a key or a time zone is valid.
"""

from dataclasses import dataclass

from contracts.device_label import read_optional_label
from contracts.encoding import encode
from contracts.strict_json import decode_object, known_fields, read_filled_text, read_optional_text, read_text

_SEND_NAMES = frozenset({"email"})
_CONFIRM_NAMES = frozenset(
    {"challenge_id", "code", "client_public_key", "time_zone", "client_key_proof", "device_label"}
)


@dataclass(frozen=True, slots=True, repr=False)
class SendEmailCodeRequest:
    """Asks for a login code. It has no repr, because no log may hold an e-mail."""

    email: str


@dataclass(frozen=True, slots=True, repr=False)
class ConfirmEmailCodeRequest:
    """Exchanges a login code for a device session. It has no repr, because it holds the code.

    `client_public_key` is base64 of 32 bytes, `time_zone` an IANA name, `client_key_proof` base64 (SPEC §3.9).
    `device_label` is the name that the user sees in the list of devices (SPEC §20.1).
    """

    challenge_id: str
    code: str
    client_public_key: str
    time_zone: str | None = None
    client_key_proof: str | None = None
    device_label: str | None = None


def decode_send(body: bytes) -> SendEmailCodeRequest:
    """The request `send-email-code`; raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(body), _SEND_NAMES)
    return SendEmailCodeRequest(email=read_filled_text(fields, "email"))


def decode_confirm(body: bytes) -> ConfirmEmailCodeRequest:
    """The request `confirm-email-code`; raises `Refusal(INVALID_REQUEST)` and nothing else.

    It accepts an empty code or key: SPEC §2.2 has separate errors for them (`invalid_code`,
    `invalid_client_public_key`).
    """
    fields = known_fields(decode_object(body), _CONFIRM_NAMES)
    return ConfirmEmailCodeRequest(
        challenge_id=read_filled_text(fields, "challenge_id"),
        code=read_text(fields, "code"),
        client_public_key=read_text(fields, "client_public_key"),
        time_zone=read_optional_text(fields, "time_zone"),
        client_key_proof=read_optional_text(fields, "client_key_proof"),
        device_label=read_optional_label(fields, "device_label"),
    )


def encode_challenge(challenge_id: str) -> bytes:
    """The answer of `send-email-code`."""
    return encode({"challenge_id": challenge_id})


def encode_device_session(device_session_id: str) -> bytes:
    """The answer of `confirm-email-code`."""
    return encode({"device_session_id": device_session_id})
