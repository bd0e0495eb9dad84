"""The edge's vocabulary: what an endpoint is given and what it gives back.

Framework-free on purpose: the same `Endpoint` runs behind Quart and behind the bare ASGI routes (`shared.web.app`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.web.client_address import ClientAddress

HeaderPairs = Sequence[tuple[bytes, bytes]]


class Headers:
    """Request headers as received: names lower-case (h11 and HTTP/2 guarantee it), values latin-1 bytes."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: HeaderPairs = ()) -> None:
        self._pairs = pairs

    def get(self, name: str) -> str | None:
        """The value of header `name` (lower-case); several lines are joined by ", " (RFC 9110 §5.3); None when absent."""
        values = self.lines(name)
        return ", ".join(values) if values else None

    def lines(self, name: str) -> list[str]:
        """Each line of header `name` (lower-case), in the order received."""
        wanted = name.encode("ascii")
        return [value.decode("latin-1") for key, value in self._pairs if key == wanted]

    def __repr__(self) -> str:
        """Names only: values may be credentials."""
        return f"Headers({', '.join(key.decode('latin-1') for key, _ in self._pairs)})"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole: the body is read (at most 16 KiB) and the content type checked before an endpoint sees it."""

    method: str
    path: str
    path_parameters: Mapping[str, str]
    query: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    client: ClientAddress = field(repr=False)
    request_id: str


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. A body without a `content-type` header is JSON; length, request id and caching headers are the edge's."""

    status: int
    body: bytes = field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = ()


Endpoint = Callable[[Request], Awaitable[Response]]
"""May raise `Refusal`, `DependencyUnavailable` or anything else: `shared.web.refusals` makes each an answer.

It runs to its end even if the client hangs up; only the end of the shutdown timeout cancels it.
"""


@dataclass(frozen=True, slots=True)
class Route:
    """`path` is absolute, without a trailing slash; `{name}` takes one whole segment, given percent-decoded.

    `accepts_body`: the body must be JSON (or empty); otherwise a body is read (bounded) and thrown away.
    """

    method: str
    path: str
    endpoint: Endpoint
    accepts_body: bool = False
