"""The edge's vocabulary: what an endpoint is given and what it gives back.

Framework-free on purpose: the same `Endpoint` runs behind Quart (`app`) and without it (`plain_requests`).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from shared.web.client_address import ClientAddress


class Headers:
    """Request headers as received. Lines of one name are joined by ", " (RFC 9110 §5.3)."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """`pairs` as ASGI has them: names in lower case."""
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
        """The value of header `name` (lower case), its bytes read as latin-1; None when absent."""
        value = self._values.get(name.encode("ascii"))
        return None if value is None else value.decode("latin-1")

    def __contains__(self, name: str) -> bool:
        return name.encode("ascii") in self._values

    def __repr__(self) -> str:
        """Names only: values may be credentials."""
        return f"Headers({', '.join(name.decode('latin-1') for name in self._values)})"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole: its body is read (at most 16 KiB) and its type checked before an endpoint sees it.

    `path` is the target as sent, still percent-encoded; `path_parameters` are decoded; `query` is the raw query string.
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
    """One answer. The body is JSON unless `headers` has a `content-type`; the edge adds length, request id, caching."""

    status: int
    body: bytes = field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)


Endpoint = Callable[[Request], Awaitable[Response]]
"""May raise `Refusal`, `DependencyUnavailable` or anything else: `shared.web.refusals` makes each an answer.

It runs to its end even if the client hangs up; only the end of the shutdown timeout cancels it.
"""


@dataclass(frozen=True, slots=True)
class Route:
    """`path` is absolute, without a trailing slash; `{name}` takes one whole segment, given percent-decoded.

    `accepts_body`: a body must be JSON by its content type (none at all reaches the endpoint, whose decoder refuses).
    Otherwise a body is read, within the same bounds, and dropped. A GET route answers HEAD too.
    """

    method: str
    path: str
    endpoint: Endpoint
    accepts_body: bool = False
