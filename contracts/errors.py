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
    UNSUPPORTED_PROTOCOL_VERSION = "unsupported_protocol_version"
    INVALID_ENVELOPE = "invalid_envelope"
    INVALID_NODE_KEY = "invalid_node_key"
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
    INVALID_JOIN_TOKEN = "invalid_join_token"
    NODE_UNKNOWN = "node_unknown"
    NODE_REVOKED = "node_revoked"
    SESSION_UNKNOWN = "session_unknown"
    SESSION_REVOKED = "session_revoked"
    PAYLOAD_HASH_MISMATCH = "payload_hash_mismatch"
    INVALID_SIGNATURE = "invalid_signature"
    TIMESTAMP_OUT_OF_WINDOW = "timestamp_out_of_window"
    REQUEST_REPLAYED = "request_replayed"
    SESSION_RENEWAL_REQUIRED = "session_renewal_required"
    FORBIDDEN = "forbidden"
    NODE_NOT_APPROVED = "node_not_approved"
    SECRET_NOT_GRANTED = "secret_not_granted"
    CROSS_ORIGIN_REQUEST = "cross_origin_request"
    NOT_FOUND = "not_found"
    CHALLENGE_NOT_FOUND = "challenge_not_found"
    SESSION_NOT_FOUND = "session_not_found"
    SUBJECT_NOT_FOUND = "subject_not_found"
    TOKEN_NOT_FOUND = "token_not_found"
    JOIN_TOKEN_NOT_FOUND = "join_token_not_found"
    NODE_NOT_FOUND = "node_not_found"
    POOL_NOT_FOUND = "pool_not_found"
    DOCUMENT_NOT_FOUND = "document_not_found"
    CONFIG_NOT_FOUND = "config_not_found"
    AGENT_NOT_FOUND = "agent_not_found"
    INVITATION_NOT_FOUND = "invitation_not_found"
    SECRET_NOT_FOUND = "secret_not_found"
    GRANT_NOT_FOUND = "grant_not_found"
    CONNECTION_NOT_FOUND = "connection_not_found"
    DEFAULT_NOT_FOUND = "default_not_found"
    VERSION_NOT_FOUND = "version_not_found"
    NODE_REDIS_USERS_OFF = "node_redis_users_off"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    SESSION_LIMIT_EXCEEDED = "session_limit_exceeded"
    EMAIL_IN_USE = "email_in_use"
    NODE_NAME_TAKEN = "node_name_taken"
    NAME_TAKEN = "name_taken"
    LIMIT_REACHED = "limit_reached"
    REVISION_CONFLICT = "revision_conflict"
    ACTIVATION_CONFLICT = "activation_conflict"
    CHECKS_FAILED = "checks_failed"
    POOL_TAKEN = "pool_taken"
    STAGE_UNFINISHED = "stage_unfinished"
    NOT_ACTIVE = "not_active"
    AGENT_NOT_ACTIVE = "agent_not_active"
    MANIFEST_TOO_LARGE = "manifest_too_large"
    VERSION_CONFLICT = "version_conflict"
    SECRET_NOT_GRANTABLE = "secret_not_grantable"
    CONNECTION_IN_USE = "connection_in_use"
    EMAIL_BLOCKED = "email_blocked"
    USERS_LIVE_ELSEWHERE = "users_live_elsewhere"
    OWNER_EXISTS = "owner_exists"
    ONBOARDING_OUT_OF_ORDER = "onboarding_out_of_order"
    ONBOARDING_CONDITION_UNMET = "onboarding_condition_unmet"
    SETTINGS_CONFLICT = "settings_conflict"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    NO_NODE_REPORTS = "no_node_reports"
    CHALLENGE_EXPIRED = "challenge_expired"
    NOTICE_EXPIRED = "notice_expired"
    SECRET_VERSION_GONE = "secret_version_gone"
    REQUEST_TOO_LARGE = "request_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    RATE_LIMITED = "rate_limited"
    INTERNAL_ERROR = "internal_error"
    SERVICE_UNAVAILABLE = "service_unavailable"
    SIGNING_KEYS_MISSING = "signing_keys_missing"
    SECRET_KEYS_MISSING = "secret_keys_missing"
    TELEMETRY_NOT_CONFIGURED = "telemetry_not_configured"


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
        ErrorCode.UNSUPPORTED_PROTOCOL_VERSION: ErrorSpec(
            400,
            "unsupported protocol version",
            "The header `galaxy-protocol-version` is missing or names another version.",
            "Send `galaxy-protocol-version: v1`.",
        ),
        ErrorCode.INVALID_ENVELOPE: ErrorSpec(
            400,
            "invalid envelope",
            "The envelope is not the one of the signed request.",
            "Send each of the six headers once, in the form of the contract.",
        ),
        ErrorCode.INVALID_NODE_KEY: ErrorSpec(
            400,
            "invalid node key",
            "A key of the node is not usable, was used by another node, or the proof is not its signature.",
            "Make new keys, and sign the proof with the new node key.",
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
        ErrorCode.INVALID_JOIN_TOKEN: ErrorSpec(
            401,
            "invalid join token",
            "The join token is unknown, spent, expired or revoked. The answer does not tell which.",
            "Ask an operator for a new join token.",
        ),
        ErrorCode.NODE_UNKNOWN: ErrorSpec(
            401,
            "node unknown",
            "No node has this id.",
            "Check that the node talks to the installation that it joined. It keeps its key and its configuration.",
        ),
        ErrorCode.NODE_REVOKED: ErrorSpec(
            401,
            "node revoked",
            "The node was revoked, for good.",
            "Stop. Join anew with a new key, if an operator says so.",
        ),
        ErrorCode.SESSION_UNKNOWN: ErrorSpec(
            401,
            "no such device session",
            "No device session has the id of the signed request.",
            "Log in again with a new key.",
        ),
        ErrorCode.SESSION_REVOKED: ErrorSpec(
            401,
            "the device session is revoked",
            "The device session that signed the request has ended. That is final.",
            "Forget its key. The person logs in again.",
        ),
        ErrorCode.PAYLOAD_HASH_MISMATCH: ErrorSpec(
            401,
            "payload hash mismatch",
            "The SHA-256 of the body is not the one in the envelope.",
            "Send the body as it was signed.",
        ),
        ErrorCode.INVALID_SIGNATURE: ErrorSpec(
            401,
            "invalid signature",
            "No valid key of the node or device signed this method, target, time, request id and body.",
            "Sign with its current key, and sign the target as it is sent, with the query.",
        ),
        ErrorCode.TIMESTAMP_OUT_OF_WINDOW: ErrorSpec(
            401,
            "timestamp out of window",
            "The time in the envelope is more than 30 seconds away from the server's.",
            "Correct the clock (NTP) and sign again.",
        ),
        ErrorCode.REQUEST_REPLAYED: ErrorSpec(
            401,
            "request replayed",
            "A request with this request id was taken already.",
            "Sign again with a new request id.",
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
        ErrorCode.NODE_NOT_APPROVED: ErrorSpec(
            403,
            "node not approved",
            "An operator has not approved the node yet.",
            "Repeat the request after `Retry-After`, or let an operator approve the node.",
        ),
        ErrorCode.SECRET_NOT_GRANTED: ErrorSpec(
            403,
            "secret not granted",
            "The configuration of the node's pool names a secret of the request for no such reader.",
            "Grant the secret, or let the active version name it. Nothing was opened.",
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
        ErrorCode.JOIN_TOKEN_NOT_FOUND: ErrorSpec(
            404,
            "join token not found",
            "No join token has this id.",
            "Check the id.",
        ),
        ErrorCode.NODE_NOT_FOUND: ErrorSpec(
            404,
            "node not found",
            "No node has this id.",
            "Check the id.",
        ),
        ErrorCode.POOL_NOT_FOUND: ErrorSpec(
            404,
            "pool not found",
            "No pool of nodes has this name.",
            "Check the name, or create the pool.",
        ),
        ErrorCode.DOCUMENT_NOT_FOUND: ErrorSpec(
            404,
            "document not found",
            "The configuration of the node's pool has no document with this digest.",
            "Poll for the current configuration.",
        ),
        ErrorCode.CONFIG_NOT_FOUND: ErrorSpec(
            404,
            "configuration not found",
            "No published configuration has this id.",
            "Check the id.",
        ),
        ErrorCode.AGENT_NOT_FOUND: ErrorSpec(
            404,
            "agent not found",
            "No agent has this id.",
            "Check the id.",
        ),
        ErrorCode.INVITATION_NOT_FOUND: ErrorSpec(
            404,
            "invitation not found",
            "No invitation has this id. It may have been withdrawn or have expired.",
            "List the invitations, and use an id from there.",
        ),
        ErrorCode.SECRET_NOT_FOUND: ErrorSpec(
            404,
            "secret not found",
            "No secret has this id.",
            "Check the id. A deleted secret is found until it is destroyed.",
        ),
        ErrorCode.GRANT_NOT_FOUND: ErrorSpec(
            404,
            "grant not found",
            "The secret is not granted to this pool or agent.",
            "Read the secret; its answer lists the grants.",
        ),
        ErrorCode.CONNECTION_NOT_FOUND: ErrorSpec(
            404,
            "connection not found",
            "No connection has this name.",
            "Check the name.",
        ),
        ErrorCode.DEFAULT_NOT_FOUND: ErrorSpec(
            404,
            "default not found",
            "No connection is the default for this key.",
            "Name one with `PUT /api/control-plane/connections/defaults/{connection_key}`.",
        ),
        ErrorCode.VERSION_NOT_FOUND: ErrorSpec(
            404,
            "version not found",
            "The configuration has no version with this number.",
            "Check the number, or publish first.",
        ),
        ErrorCode.NODE_REDIS_USERS_OFF: ErrorSpec(
            404,
            "node redis users off",
            "The installation gives nodes no users of Redis for themselves.",
            "Use the shared user of gateways, or set `AUTHSESSION_NODE_REDIS_USERS=on`.",
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
        ErrorCode.NODE_NAME_TAKEN: ErrorSpec(
            409,
            "node name taken",
            "Another node of the pool has this name and is not revoked.",
            "Choose another name, or revoke the other node.",
        ),
        ErrorCode.NAME_TAKEN: ErrorSpec(
            409,
            "name taken",
            "Another configuration of this kind has this name.",
            "Choose another name.",
        ),
        ErrorCode.LIMIT_REACHED: ErrorSpec(
            409,
            "limit reached",
            "The installation has as many pools, nodes or configurations as it may have. The message names the limit.",
            "Remove or revoke what is not needed.",
        ),
        ErrorCode.REVISION_CONFLICT: ErrorSpec(
            409,
            "revision conflict",
            "The draft has another revision than the one that the caller read. The message names what differs.",
            "Read the draft again, and repeat the change on it.",
        ),
        ErrorCode.ACTIVATION_CONFLICT: ErrorSpec(
            409,
            "activation conflict",
            "The active version is not the one that the caller expected.",
            "Read the configuration again, and decide anew.",
        ),
        ErrorCode.CHECKS_FAILED: ErrorSpec(
            409,
            "checks failed",
            "The draft or version has errors. The message names the first one.",
            "Correct the draft; `check` lists every error.",
        ),
        ErrorCode.POOL_TAKEN: ErrorSpec(
            409,
            "pool taken",
            "A pool has at most one active gateway configuration.",
            "Pause the other configuration, or take the pool out of this one.",
        ),
        ErrorCode.STAGE_UNFINISHED: ErrorSpec(
            409,
            "stage unfinished",
            "The pool is in the middle of a staged activation of another version.",
            "Complete that activation, or activate without a stage.",
        ),
        ErrorCode.NOT_ACTIVE: ErrorSpec(
            409,
            "not active",
            "The configuration has no active version or is archived, or the node is revoked.",
            "Activate a version first. Let a revoked node join anew, with new keys.",
        ),
        ErrorCode.AGENT_NOT_ACTIVE: ErrorSpec(
            409,
            "agent not active",
            "An agent registers a key only while a version of it is active.",
            "Activate the agent, then let it register a key again.",
        ),
        ErrorCode.MANIFEST_TOO_LARGE: ErrorSpec(
            409,
            "manifest too large",
            "The manifest of a pool would exceed 256 documents, 256 secrets or 64 KiB. Nothing changed.",
            "Spread agents over several pools, or pause what is not needed.",
        ),
        ErrorCode.VERSION_CONFLICT: ErrorSpec(
            409,
            "version conflict",
            "The secret has another version than the one that the caller expected.",
            "Read the secret again, and decide anew.",
        ),
        ErrorCode.SECRET_NOT_GRANTABLE: ErrorSpec(
            409,
            "secret not grantable",
            "The secret is for the system itself or is deleted, so no pool or agent can get it.",
            "Write the value under a name and scope of its own, with the usage `grantable`.",
        ),
        ErrorCode.CONNECTION_IN_USE: ErrorSpec(
            409,
            "connection in use",
            "An agent or a default uses the connection. The message names its users.",
            "Change the agents and the default first.",
        ),
        ErrorCode.EMAIL_BLOCKED: ErrorSpec(
            409,
            "e-mail blocked",
            "An address of the request or its domain is blocked: nobody can log in by it. Nothing was changed.",
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
        ErrorCode.ONBOARDING_CONDITION_UNMET: ErrorSpec(
            409,
            "onboarding condition unmet",
            "What the step of the first run confirms is not so yet. Nothing was changed.",
            "Do what the message says, or repeat the request with `skip`.",
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
        ErrorCode.NO_NODE_REPORTS: ErrorSpec(
            409,
            "no node reports last uses",
            "`session_idle_age` needs to know when sessions were used, and no node told of it in the last day.",
            "Let a gateway that is a node report the last uses of sessions, then set it.",
        ),
        ErrorCode.CHALLENGE_EXPIRED: ErrorSpec(
            410,
            "challenge expired",
            "The challenge has ended: its time is over, five guesses were wrong, or its code is no longer valid.",
            "Ask for a new code.",
        ),
        ErrorCode.NOTICE_EXPIRED: ErrorSpec(
            410,
            "notice expired",
            "The token of the notice is unknown, or older than 30 days.",
            "Log in, and end the session in the list of devices.",
        ),
        ErrorCode.SECRET_VERSION_GONE: ErrorSpec(
            410,
            "secret version gone",
            "This version of the secret is disabled or destroyed.",
            "Poll for the current configuration: it names the current version.",
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
        ErrorCode.SIGNING_KEYS_MISSING: ErrorSpec(
            503,
            "signing keys missing",
            "`AUTHSESSION_CONFIG_KEYS` is not set, so nothing can be signed for nodes.",
            "Set `AUTHSESSION_CONFIG_KEYS` (`authsession keys new` makes a key), and start the internal process again.",
        ),
        ErrorCode.SECRET_KEYS_MISSING: ErrorSpec(
            503,
            "secret keys missing",
            "`AUTHSESSION_SECRET_KEYS` is not set or lacks a key, so no secret can be written or opened.",
            "Make a key with `authsession keys new AUTHSESSION_SECRET_KEYS`, and set it for the internal process.",
        ),
        ErrorCode.TELEMETRY_NOT_CONFIGURED: ErrorSpec(
            503,
            "telemetry not configured",
            "The installation has no collector for the telemetry of nodes.",
            "Make a connection to your collector the default `telemetry`. Or set `AUTHSESSION_NODE_OTLP_ENDPOINT` and "
            "start the internal process again, or let nodes send nothing.",
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
