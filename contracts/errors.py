"""Every stable error code with its status and message: one table. Knows nothing of HTTP frameworks."""

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
    """The HTTP status of an error code, and the message used when nothing more exact is known."""

    status: int
    message: str


ERRORS: Mapping[ErrorCode, ErrorSpec] = MappingProxyType(
    {
        ErrorCode.INVALID_REQUEST: ErrorSpec(400, "invalid request"),
        ErrorCode.INVALID_CLIENT_PUBLIC_KEY: ErrorSpec(400, "invalid client public key"),
        ErrorCode.INVALID_CODE: ErrorSpec(400, "invalid code"),
        ErrorCode.BLOCKED_BY_POLICY: ErrorSpec(403, "blocked by policy"),
        ErrorCode.PASSWORD_TOO_SHORT: ErrorSpec(400, "password too short"),
        ErrorCode.PASSWORD_TOO_LONG: ErrorSpec(400, "password too long"),
        ErrorCode.PASSWORD_TOO_SIMPLE: ErrorSpec(400, "password too simple"),
        ErrorCode.PASSWORD_HOLDS_IDENTITY: ErrorSpec(400, "password holds identity"),
        ErrorCode.PASSWORD_TOO_COMMON: ErrorSpec(400, "password too common"),
        ErrorCode.PASSWORD_TOO_PREDICTABLE: ErrorSpec(400, "password too predictable"),
        ErrorCode.INSECURE_TRANSPORT: ErrorSpec(400, "insecure transport"),
        ErrorCode.INVALID_CREDENTIALS: ErrorSpec(401, "invalid credentials"),
        ErrorCode.SESSION_RENEWAL_REQUIRED: ErrorSpec(401, "session renewal required"),
        ErrorCode.FORBIDDEN: ErrorSpec(403, "forbidden"),
        ErrorCode.CROSS_ORIGIN_REQUEST: ErrorSpec(403, "cross-origin request"),
        ErrorCode.NOT_FOUND: ErrorSpec(404, "not found"),
        ErrorCode.CHALLENGE_NOT_FOUND: ErrorSpec(404, "challenge not found"),
        ErrorCode.SESSION_NOT_FOUND: ErrorSpec(404, "session not found"),
        ErrorCode.SUBJECT_NOT_FOUND: ErrorSpec(404, "subject not found"),
        ErrorCode.TOKEN_NOT_FOUND: ErrorSpec(404, "token not found"),
        ErrorCode.METHOD_NOT_ALLOWED: ErrorSpec(405, "method not allowed"),
        ErrorCode.SESSION_LIMIT_EXCEEDED: ErrorSpec(409, "session limit exceeded"),
        ErrorCode.EMAIL_IN_USE: ErrorSpec(409, "e-mail in use"),
        ErrorCode.EMAIL_BLOCKED: ErrorSpec(409, "e-mail blocked"),
        ErrorCode.USERS_LIVE_ELSEWHERE: ErrorSpec(409, "users live elsewhere"),
        ErrorCode.OWNER_EXISTS: ErrorSpec(409, "owner exists"),
        ErrorCode.ONBOARDING_OUT_OF_ORDER: ErrorSpec(409, "onboarding out of order"),
        ErrorCode.SETTINGS_CONFLICT: ErrorSpec(409, "settings changed meanwhile"),
        ErrorCode.IDEMPOTENCY_CONFLICT: ErrorSpec(409, "idempotency conflict"),
        ErrorCode.CHALLENGE_EXPIRED: ErrorSpec(410, "challenge expired"),
        ErrorCode.REQUEST_TOO_LARGE: ErrorSpec(413, "request too large"),
        ErrorCode.UNSUPPORTED_MEDIA_TYPE: ErrorSpec(415, "unsupported media type"),
        ErrorCode.RATE_LIMITED: ErrorSpec(429, "rate limited"),
        ErrorCode.INTERNAL_ERROR: ErrorSpec(500, "internal error"),
        ErrorCode.SERVICE_UNAVAILABLE: ErrorSpec(503, "service unavailable"),
    }
)


class Refusal(Exception):
    """A request that is refused with a stable code. Raised by decoders and by `api` only; flows return values.

    The message goes to the client and possibly to a log: it names fields, never what was in them.
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
    """The envelope `{"error":{"code","message"}}`; without a message, that of the table."""
    return encode({"error": {"code": code.value, "message": ERRORS[code].message if message is None else message}})
