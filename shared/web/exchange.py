"""Requests, responses, endpoints and routes.

They depend on no framework, so that the same `Endpoint` runs behind Quart (`app`) and without it (`plain_requests`).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from shared.web.client_address import ClientAddress


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


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request. Its body, of at most 16 KiB, is read and its type checked before an endpoint gets it.

    `path` is still percent-encoded; `path_parameters` are decoded. `query` is the raw query string.
    """

    method: str
    path: str = field(repr=False)
    path_parameters: Mapping[str, str] = field(repr=False)
    query: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    client: ClientAddress = field(repr=False)
    request_id: str


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. The body is JSON unless `headers` has a `content-type`.

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
class Route:
    """A method and a path with their endpoint. A GET route answers HEAD too.

    `path` is absolute and has no slash at its end. `{name}` in it matches one whole segment, which is percent-decoded.
    With `accepts_body` a body must have the content type JSON; a missing body reaches the endpoint, whose decoder
    refuses it. Otherwise a body is read, within the same limits, and dropped.
    """

    method: str
    path: str
    endpoint: Endpoint
    accepts_body: bool = False
