"""The one table of stable error codes, with HTTP status and message. Knows no HTTP framework."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from contracts.encoding import encode


class ErrorCode(StrEnum):
    """The `error.code` of an answer. A code is never renamed and never changes its meaning."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT_PUBLIC_KEY = "invalid_client_public_key"
    INVALID_CODE = "invalid_code"
    BLOCKED_BY_POLICY = "blocked_by_policy"
    PASSWORD_TOO_SHORT = "password_too_short"
    PASSWORD_TOO_LONG = "password_too_long"
    PASSWORD_TOO_SIMPLE = "password_too_simple"
    PASSWORD_HOLDS_IDENTITY = "password_holds_identity"
    PASSWORD_TOO_COMMON = "password_too_common"
    PASSWORD_TOO_PREDICTABLE = "password_too_predictable"
    INSECURE_TRANSPORT = "insecure_transport"
    INVALID_CREDENTIALS = "invalid_credentials"
    SESSION_RENEWAL_REQUIRED = "session_renewal_required"
    FORBIDDEN = "forbidden"
    CROSS_ORIGIN_REQUEST = "cross_origin_request"
    NOT_FOUND = "not_found"
    CHALLENGE_NOT_FOUND = "challenge_not_found"
    SESSION_NOT_FOUND = "session_not_found"
    SUBJECT_NOT_FOUND = "subject_not_found"
    TOKEN_NOT_FOUND = "token_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    SESSION_LIMIT_EXCEEDED = "session_limit_exceeded"
    EMAIL_IN_USE = "email_in_use"
    EMAIL_BLOCKED = "email_blocked"
    USERS_LIVE_ELSEWHERE = "users_live_elsewhere"
    OWNER_EXISTS = "owner_exists"
    ONBOARDING_OUT_OF_ORDER = "onboarding_out_of_order"
    SETTINGS_CONFLICT = "settings_conflict"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    CHALLENGE_EXPIRED = "challenge_expired"
    REQUEST_TOO_LARGE = "request_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    RATE_LIMITED = "rate_limited"
    INTERNAL_ERROR = "internal_error"
    SERVICE_UNAVAILABLE = "service_unavailable"


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """One row of the table: HTTP status, default message, meaning and cure.

    `meaning` and `cure` are only for `docs/reference/errors.md`; no answer holds them.
    """

    status: int
    message: str
    """The default message; a refusal may have a more exact one."""
    meaning: str
    cure: str


ERRORS: Mapping[ErrorCode, ErrorSpec] = MappingProxyType(
    {
        ErrorCode.INVALID_REQUEST: ErrorSpec(
            400,
            "invalid request",
            "The request is malformed; the message names the field.",
            "Correct the request. Repeating it unchanged gives the same answer.",
        ),
        ErrorCode.INVALID_CLIENT_PUBLIC_KEY: ErrorSpec(
            400,
            "invalid client public key",
            "`client_public_key` is no usable Ed25519 key, or `client_key_proof` is missing or wrong. No guess counts.",
            "Send the padded standard base64 of the 32 raw key bytes, and sign the proof with the same key.",
        ),
        ErrorCode.INVALID_CODE: ErrorSpec(
            400,
            "invalid code",
            "The code is wrong, or another code or key confirmed the challenge. Text that is no code costs no guess.",
            "Let the person type the code again. A challenge accepts five guesses.",
        ),
        ErrorCode.BLOCKED_BY_POLICY: ErrorSpec(
            403,
            "blocked by policy",
            "The code is right, but the user, the address or its domain is blocked. The code stays usable.",
            "Tell the person to ask your support. An operator can remove the block.",
        ),
        ErrorCode.PASSWORD_TOO_SHORT: ErrorSpec(
            400,
            "password too short",
            "The new password has fewer characters than `operator_password_min_length`.",
            "Choose a longer password.",
        ),
        ErrorCode.PASSWORD_TOO_LONG: ErrorSpec(
            400,
            "password too long",
            "The new password has more than 256 characters.",
            "Choose a shorter password.",
        ),
        ErrorCode.PASSWORD_TOO_SIMPLE: ErrorSpec(
            400,
            "password too simple",
            "The new password uses too few of the four classes: lower case, upper case, digits, others.",
            "Use characters of at least three classes.",
        ),
        ErrorCode.PASSWORD_HOLDS_IDENTITY: ErrorSpec(
            400,
            "password holds identity",
            "The new password contains the operator's user name or e-mail.",
            "Choose a password without them.",
        ),
        ErrorCode.PASSWORD_TOO_COMMON: ErrorSpec(
            400,
            "password too common",
            "The new password is on the list of common passwords.",
            "Choose another password.",
        ),
        ErrorCode.PASSWORD_TOO_PREDICTABLE: ErrorSpec(
            400,
            "password too predictable",
            "The new password repeats too few different characters.",
            "Choose another password.",
        ),
        ErrorCode.INSECURE_TRANSPORT: ErrorSpec(
            400,
            "insecure transport",
            "A session cookie was asked for over plain HTTP.",
            "Call through HTTPS, by a proxy in `AUTHSESSION_TRUSTED_PROXIES`, or ask for a bearer token.",
        ),
        ErrorCode.INVALID_CREDENTIALS: ErrorSpec(
            401,
            "invalid credentials",
            "The credentials are missing, wrong or expired.",
            "Log in again, or send a valid token.",
        ),
        ErrorCode.SESSION_RENEWAL_REQUIRED: ErrorSpec(
            401,
            "session renewal required",
            "The operator's session is valid but must be renewed first.",
            "Call `GET /api/control-plane/auth/session`, then repeat the request.",
        ),
        ErrorCode.FORBIDDEN: ErrorSpec(
            403,
            "forbidden",
            "The credentials do not permit this call, or a call without them names a host that is not admitted.",
            "Use credentials with the scope that the message names. Or call by an IP address, `localhost` or a name in "
            "`AUTHSESSION_INTERNAL_HOSTS`.",
        ),
        ErrorCode.CROSS_ORIGIN_REQUEST: ErrorSpec(
            403,
            "cross-origin request",
            "A browser page of another origin made the call, or a change by cookie does not prove its origin.",
            "Call from a page of the same origin, or use a bearer token.",
        ),
        ErrorCode.NOT_FOUND: ErrorSpec(
            404,
            "not found",
            "The route does not exist, or it is switched off in this installation.",
            "Check the path and the listener.",
        ),
        ErrorCode.CHALLENGE_NOT_FOUND: ErrorSpec(
            404,
            "challenge not found",
            "The challenge does not exist.",
            "Ask for a new code.",
        ),
        ErrorCode.SESSION_NOT_FOUND: ErrorSpec(
            404,
            "session not found",
            "The session does not exist, or the operator may not see it.",
            "Check the id.",
        ),
        ErrorCode.SUBJECT_NOT_FOUND: ErrorSpec(
            404,
            "subject not found",
            "The user does not exist.",
            "Check the id or the address.",
        ),
        ErrorCode.TOKEN_NOT_FOUND: ErrorSpec(
            404,
            "token not found",
            "The API token does not exist.",
            "Check the id.",
        ),
        ErrorCode.METHOD_NOT_ALLOWED: ErrorSpec(
            405,
            "method not allowed",
            "The route exists, but not for this method.",
            "Use a method that the `Allow` field names.",
        ),
        ErrorCode.SESSION_LIMIT_EXCEEDED: ErrorSpec(
            409,
            "session limit exceeded",
            "The code is right, but the user has reached `session_limit`. The code stays usable.",
            "Revoke a session of the user, then repeat the request.",
        ),
        ErrorCode.EMAIL_IN_USE: ErrorSpec(
            409,
            "e-mail in use",
            "Another user has this address.",
            "Choose another address, or delete the other user.",
        ),
        ErrorCode.EMAIL_BLOCKED: ErrorSpec(
            409,
            "e-mail blocked",
            "The old address, the new one or its domain is blocked, so the change was refused.",
            "Remove the block first.",
        ),
        ErrorCode.USERS_LIVE_ELSEWHERE: ErrorSpec(
            409,
            "users live elsewhere",
            "A user service keeps the users, so this change is not possible here.",
            "Make the change in the user service.",
        ),
        ErrorCode.OWNER_EXISTS: ErrorSpec(
            409,
            "owner exists",
            "The installation already has an owner.",
            "Log in as the owner. `authsession operator reset` helps if the password is lost.",
        ),
        ErrorCode.ONBOARDING_OUT_OF_ORDER: ErrorSpec(
            409,
            "onboarding out of order",
            "Another step of the first run comes first.",
            "Read `GET /api/control-plane/onboarding/status` and take the next step.",
        ),
        ErrorCode.SETTINGS_CONFLICT: ErrorSpec(
            409,
            "settings changed meanwhile",
            "The settings changed after `expected_version`. Nothing was changed.",
            "Read the settings again, then repeat the change with their version.",
        ),
        ErrorCode.IDEMPOTENCY_CONFLICT: ErrorSpec(
            409,
            "idempotency conflict",
            "The `Idempotency-Key` was used for another request within 24 hours.",
            "Use a new key for a new request.",
        ),
        ErrorCode.CHALLENGE_EXPIRED: ErrorSpec(
            410,
            "challenge expired",
            "The challenge has ended: its time is over, five guesses were wrong, or its code is no longer valid.",
            "Ask for a new code.",
        ),
        ErrorCode.REQUEST_TOO_LARGE: ErrorSpec(
            413,
            "request too large",
            "The body or the head has more than 16 KiB, or the head has more than 100 fields.",
            "Send a smaller request.",
        ),
        ErrorCode.UNSUPPORTED_MEDIA_TYPE: ErrorSpec(
            415,
            "unsupported media type",
            "The body is not declared as `application/json`.",
            "Send `Content-Type: application/json`.",
        ),
        ErrorCode.RATE_LIMITED: ErrorSpec(
            429,
            "rate limited",
            "Too many requests came from this network, or for this operation.",
            "Wait as long as `Retry-After` says.",
        ),
        ErrorCode.INTERNAL_ERROR: ErrorSpec(
            500,
            "internal error",
            "The service has a fault; its log says which.",
            "Repeat the request after `Retry-After`. A repeat is safe.",
        ),
        ErrorCode.SERVICE_UNAVAILABLE: ErrorSpec(
            503,
            "service unavailable",
            "A dependency is down, or the process is overloaded or stopping.",
            "Repeat the request after `Retry-After`. A repeat is safe.",
        ),
    }
)


class Refusal(Exception):
    """Refuses a request with a stable code. Only decoders and `api` raise it; flows return values.

    The message goes to the client and may go to a log. It names fields and never repeats their values.
    """

    def __init__(self, code: ErrorCode, message: str | None = None) -> None:
        self.code: ErrorCode = code
        self.message: str = ERRORS[code].message if message is None else message
        super().__init__(code.value, self.message)

    @property
    def status(self) -> int:
        """The HTTP status of the refusal's code."""
        return ERRORS[self.code].status


def encode_error(code: ErrorCode, message: str | None = None) -> bytes:
    """The envelope `{"error":{"code","message"}}`. Without `message` it holds the code's default message."""
    return encode({"error": {"code": code.value, "message": ERRORS[code].message if message is None else message}})
