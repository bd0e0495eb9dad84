"""Requests, responses, endpoints and routes.

They depend on no framework, so that the same `Endpoint` runs behind Quart (`app`) and without it (`plain_requests`).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from shared.web.client_address import ClientAddress
from shared.web.holding import Hold

MAX_BODY_BYTES = 16 * 1024
"""The limit of a body where a route does not say another one."""
JSON = "application/json"


class Headers:
    """The headers of a request. Lines with one name are joined by ", " (RFC 9110 §5.3)."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """`pairs` have names in lower case, as in ASGI."""
        values: dict[bytes, bytes] = {}
        repeated: dict[bytes, list[bytes]] = {}
        for name, value in pairs:
            if name in values:
                repeated.setdefault(name, [values[name]]).append(value)
            else:
                values[name] = value
        values.update((name, b", ".join(lines)) for name, lines in repeated.items())
        self._values = values

    def get(self, name: str) -> str | None:
        """The value of the header, its bytes read as latin-1; None if absent. `name` must be in lower case."""
        value = self._values.get(name.encode("ascii"))
        return None if value is None else value.decode("latin-1")

    def __contains__(self, name: str) -> bool:
        return name.encode("ascii") in self._values

    def __repr__(self) -> str:
        """Names only, because values may be credentials."""
        return f"Headers({', '.join(name.decode('latin-1') for name in self._values)})"


def _keep_no_memory(_: int) -> None:
    """For requests without a listener."""


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request. Its body is read, and its size and type are checked, before an endpoint gets it.

    `path` is still percent-encoded; `path_parameters` are decoded. `query` is the raw query string.
    `hold` begins a long wait of the endpoint; see `shared.web.holding`. `keep_memory` counts further bytes, such as an
    unpacked body, in the memory for large bodies until the answer is sent. It raises `Overloaded` if there is no more.
    """

    method: str
    path: str = field(repr=False)
    path_parameters: Mapping[str, str] = field(repr=False)
    query: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    client: ClientAddress = field(repr=False)
    request_id: str
    hold: Callable[[], Hold] = field(default=Hold, repr=False)
    keep_memory: Callable[[int], None] = field(default=_keep_no_memory, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. The body is JSON unless `headers` has a `content-type`. No cache may store it unless they say so.

    The edge adds the headers for length, request id and caching.
    """

    status: int
    body: bytes = field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)


Endpoint = Callable[[Request], Awaitable[Response]]
"""A function that answers a request. It may raise any exception; `shared.web.refusals` makes an answer of it.

It runs to its end even if the client hangs up. Only the end of the shutdown timeout cancels it.
"""


@dataclass(frozen=True, slots=True)
class BodyRule:
    """The bodies that a route accepts.

    `max_bytes` is the size as it arrives, so with `accepts_gzip` it is the compressed size. Such a body reaches the
    endpoint as it came, because a signature is about these bytes; `shared.web.packed_body` unpacks it. A media type
    other than JSON must be in lower case, and arrives without parameters.
    """

    max_bytes: int = MAX_BODY_BYTES
    media_types: tuple[str, ...] = (JSON,)
    accepts_gzip: bool = False


JSON_BODY = BodyRule()


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path with their endpoint. A GET route answers HEAD too.

    `path` is absolute and has no slash at its end. `{name}` in it matches one whole segment, which is percent-decoded.
    With `accepts_body` a body must have the content type JSON; a missing body reaches the endpoint, whose decoder
    refuses it. `body` replaces `accepts_body` where a route accepts other bodies. With neither a body is read, within
    16 KiB, and dropped.
    """

    method: str
    path: str
    endpoint: Endpoint
    accepts_body: bool = False
    body: BodyRule | None = None

    @property
    def body_rule(self) -> BodyRule | None:
        """The rule of the route's bodies; None if it drops them."""
        return self.body or (JSON_BODY if self.accepts_body else None)
