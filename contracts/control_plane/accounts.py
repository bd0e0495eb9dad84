"""Requests and answers of operators' accounts: first owner, login, passwords, recovery codes (SPEC §10.1-10.5).

Decoders check the form only, and raise only `Refusal(INVALID_REQUEST)`.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from contracts.control_plane.operator_sessions import Transport, read_transport
from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.strict_json import Fields, decode_object, invalid, known_fields, read_optional_text, read_text


@dataclass(frozen=True, slots=True)
class RegisterOwnerRequest:
    """Registers the first owner. The token may be missing if this machine's own calls are trusted to register one."""

    registration_token: str | None = field(repr=False)
    user_name: str = field(repr=False)
    password: str = field(repr=False)
    email: str | None = field(repr=False)
    transport: Transport


@dataclass(frozen=True, slots=True)
class LogInRequest:
    """Opens a session. No field is ever shown: a person may have typed the password as the user name."""

    user_name: str = field(repr=False)
    password: str = field(repr=False)
    transport: Transport


@dataclass(frozen=True, slots=True)
class ChangePasswordRequest:
    """Changes the password of the calling operator."""

    current_password: str = field(repr=False)
    new_password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecoverPasswordRequest:
    """Sets a new password for an operator without a session, by a recovery code."""

    user_name: str = field(repr=False)
    recovery_code: str = field(repr=False)
    new_password: str = field(repr=False)
    transport: Transport


def decode_exchange_setup_code(body: bytes) -> str:
    """The setup code in the body of `POST auth/bootstrap/exchange`."""
    return read_text(_fields(body, "setup_code"), "setup_code")


def decode_register_owner(body: bytes) -> RegisterOwnerRequest:
    """The body of `POST auth/register-owner`."""
    fields = _fields(body, "registration_token", "user_name", "password", "email", "transport")
    return RegisterOwnerRequest(
        read_optional_text(fields, "registration_token"),
        read_text(fields, "user_name"),
        _new_password(fields, "password"),
        read_optional_text(fields, "email"),
        read_transport(fields),
    )


def decode_log_in(body: bytes) -> LogInRequest:
    """The body of `POST auth/login`."""
    fields = _fields(body, "user_name", "password", "transport")
    return LogInRequest(read_text(fields, "user_name"), read_text(fields, "password"), read_transport(fields))


def decode_change_password(body: bytes) -> ChangePasswordRequest:
    """The body of `POST auth/password/change`."""
    fields = _fields(body, "current_password", "new_password")
    return ChangePasswordRequest(read_text(fields, "current_password"), _new_password(fields, "new_password"))


def decode_recover_password(body: bytes) -> RecoverPasswordRequest:
    """The body of `POST auth/password/recover`."""
    fields = _fields(body, "user_name", "recovery_code", "new_password", "transport")
    return RecoverPasswordRequest(
        read_text(fields, "user_name"),
        read_text(fields, "recovery_code"),
        _new_password(fields, "new_password"),
        read_transport(fields),
    )


def decode_regenerate_recovery_codes(body: bytes) -> str:
    """The current password in the body of `POST auth/recovery-codes/regenerate`."""
    return read_text(_fields(body, "current_password"), "current_password")


def encode_registration_token(token: str, expires_at: datetime) -> bytes:
    """The answer of `POST auth/bootstrap/exchange`."""
    return encode({"registration_token": token, "expires_at": encode_instant(expires_at)})


def encode_changed_password(revoked_session_count: int) -> bytes:
    """The answer of `POST auth/password/change`."""
    return encode({"outcome": "changed", "revoked_session_count": revoked_session_count})


def encode_recovery_code_count(unused_count: int, made_at: datetime | None) -> bytes:
    """The answer of `GET auth/recovery-codes`."""
    made = {} if made_at is None else {"made_at": encode_instant(made_at)}
    return encode({"unused_count": unused_count, **made})


def encode_recovery_codes(codes: Sequence[str]) -> bytes:
    """The answer of `POST auth/recovery-codes/regenerate`. The codes are never shown again."""
    return encode(recovery_codes_field(codes))


def recovery_codes_field(codes: Sequence[str]) -> dict[str, object]:
    """The field with new recovery codes, in the answers of registration and recovery."""
    return {"recovery_codes": list(codes)}


def _fields(body: bytes, *known: str) -> Fields:
    return known_fields(decode_object(body), frozenset(known))


def _new_password(fields: Fields, name: str) -> str:
    """A text without control characters (RFC 8264 §9.12): they come from a faulty client, and no person types them."""
    password = read_text(fields, name)
    if any(unicodedata.category(character) == "Cc" for character in password):
        raise invalid(f"{name} must not contain control characters")
    return password
