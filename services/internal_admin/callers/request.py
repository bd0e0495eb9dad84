"""Api: whether a program of this machine made a request itself, not for somebody behind it."""

from ipaddress import ip_address
from typing import Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.identity import Caller, Cause, Identity, Operator
from shared.kernel.actor import Actor
from shared.kernel.block import Subject
from shared.kernel.email_address import EmailAddress, parse_email
from shared.kernel.faults import InvariantBroken
from shared.web.exchange import Headers, Request

_FORWARDING_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


def is_local(request: Request) -> bool:
    """A loopback peer (or a Unix socket), and no header that a proxy adds."""
    is_forwarded = any(name in request.headers for name in _FORWARDING_HEADERS)
    return not is_forwarded and ip_address(request.client.address).is_loopback


Scheme: TypeAlias = Literal["http", "https"]


def scheme_of(request: Request) -> Scheme:
    """`https` if the peer is a trusted proxy and each entry of `X-Forwarded-Proto` says so."""
    forwarded = request.headers.get("x-forwarded-proto")
    if forwarded is None or not request.client.is_behind_trusted_proxy:
        return "http"
    entries = {entry.strip().lower() for entry in forwarded.split(",")}
    return "https" if entries == {"https"} else "http"


_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_same_origin(headers: Headers, scheme: Scheme) -> bool:
    """Whether the browser vouches for it: `Sec-Fetch-Site` (Fetch Metadata) says `same-origin`, or, from a browser that
    does not send that, `Origin` (RFC 6454) is `scheme` and the authority of `Host`. Without both there is no proof."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin, host = headers.get("origin"), headers.get("host")
    if origin is None or host is None:
        return False
    own = _authority(f"{scheme}://{host}")
    return own is not None and _authority(origin) == own


def _authority(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an origin; None for whatever has more or less than these (`null`, a path, a user)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    default = _DEFAULT_PORTS.get(parts.scheme)
    if default is None or parts.hostname is None or "@" in parts.netloc or url != f"{parts.scheme}://{parts.netloc}":
        return None
    return parts.scheme, parts.hostname, default if port is None else port


class Attributed(Protocol):
    """A decoded mutation: each says why, and who acted as the caller claims."""

    @property
    def reason_code(self) -> str: ...
    @property
    def actor_type(self) -> str: ...
    @property
    def actor_id(self) -> str | None: ...


def caller_of(request: Request, identity: Identity | None) -> Caller:
    """Who was authenticated, `anonymous` for nobody, and from where."""
    return Caller(identity.name if identity else "anonymous", request.client.network.text, request.request_id)


def operator_of(identity: Identity | None) -> Operator:
    """The operator, on routes for which `ACCESS` admits nobody else."""
    if not isinstance(identity, Operator):
        raise InvariantBroken("this route is an operator's")
    return identity


def cause_of(request: Request, identity: Identity | None, mutation: Attributed) -> Cause:
    """Why the mutation is done: the authenticated caller and the claimed actor apart (SPEC §4.4)."""
    actor = Actor(mutation.actor_type, mutation.actor_id)
    return Cause(mutation.reason_code, actor, caller_of(request, identity))


def email_address(text: str) -> EmailAddress:
    """The address, or the refusal `invalid_request`."""
    try:
        return parse_email(text)
    except ValueError:
        raise Refusal(ErrorCode.INVALID_REQUEST, "email is not a valid e-mail address") from None


def subject_of(email: str | None, user_id: str | None) -> Subject:
    """The subject that exactly one of both names."""
    if user_id is not None:
        return Subject("user_id", user_id)
    return Subject("email", email_address(email or "").folded)
