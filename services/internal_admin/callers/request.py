"""Facts about a request: its origin, its caller, and the cause and subject of its mutation."""

from ipaddress import ip_address
from typing import Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.identity import Caller, Cause, Identity, NodeCaller, Operator
from shared.kernel.actor import Actor
from shared.kernel.block import Subject
from shared.kernel.email_address import EmailAddress, parse_email
from shared.kernel.faults import InvariantBroken
from shared.web.exchange import Headers, Request

Scheme: TypeAlias = Literal["http", "https"]

_FORWARDING_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_local(request: Request) -> bool:
    """Whether a program of this machine made the request itself, not for somebody behind it.

    The peer is loopback or a Unix socket, and no header that a proxy adds is there.
    """
    is_forwarded = any(name in request.headers for name in _FORWARDING_HEADERS)
    return not is_forwarded and ip_address(request.client.address).is_loopback


def scheme_of(request: Request) -> Scheme:
    """`https` if the peer is a trusted proxy and each entry of `X-Forwarded-Proto` says so; else `http`."""
    forwarded = request.headers.get("x-forwarded-proto")
    if forwarded is None or not request.client.is_behind_trusted_proxy:
        return "http"
    entries = {entry.strip().lower() for entry in forwarded.split(",")}
    return "https" if entries == {"https"} else "http"


def is_same_origin(headers: Headers, scheme: Scheme) -> bool:
    """Whether the browser proves that a page of our own origin made the request.

    `Sec-Fetch-Site` (Fetch Metadata) must be `same-origin`. From a browser that does not send it, `Origin` (RFC 6454)
    must be `scheme` and the authority of `Host`. Without both headers there is no proof.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin, host = headers.get("origin"), headers.get("host")
    if origin is None or host is None:
        return False
    own = _authority(f"{scheme}://{host}")
    return own is not None and _authority(origin) == own


class Attributed(Protocol):
    """A decoded mutation: its reason, and the actor that the caller claims."""

    @property
    def reason_code(self) -> str: ...
    @property
    def actor_type(self) -> str: ...
    @property
    def actor_id(self) -> str | None: ...


def caller_of(request: Request, identity: Identity | NodeCaller | None) -> Caller:
    """The authenticated party (`anonymous` for nobody), its network and the id of its request."""
    return Caller(identity.name if identity else "anonymous", request.client.network.text, request.request_id)


def operator_of(identity: Identity | None) -> Operator:
    """The operator, on routes that admit nobody else (`OperatorOnly`)."""
    if not isinstance(identity, Operator):
        raise InvariantBroken("this route is an operator's")
    return identity


def cause_of(request: Request, identity: Identity | None, mutation: Attributed) -> Cause:
    """The cause of a mutation, with the authenticated caller and the claimed actor apart (SPEC §4.4)."""
    actor = Actor(mutation.actor_type, mutation.actor_id)
    return Cause(mutation.reason_code, actor, caller_of(request, identity))


def email_address(text: str) -> EmailAddress:
    """The address, or the refusal `invalid_request`."""
    try:
        return parse_email(text)
    except ValueError:
        raise Refusal(ErrorCode.INVALID_REQUEST, "email is not a valid e-mail address") from None


def subject_of(email: str | None, user_id: str | None) -> Subject:
    """The subject of a mutation. Exactly one of both arguments is given."""
    if user_id is not None:
        return Subject("user_id", user_id)
    return Subject("email", email_address(email or "").folded)


def _authority(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an origin; None for text with more or less than these (`null`, a path, a user)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    default = _DEFAULT_PORTS.get(parts.scheme)
    if default is None or parts.hostname is None or "@" in parts.netloc or url != f"{parts.scheme}://{parts.netloc}":
        return None
    return parts.scheme, parts.hostname, default if port is None else port
