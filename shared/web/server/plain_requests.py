"""Answers the hot routes of a listener without a framework.

One parser (`shared.http.request_head`) reads every request. A request whose path is exactly that of a hot route goes to
its endpoint from here, with its query. Another spelling of the same path, and every other route, goes through Quart.
The same rules hold for both ways (docs/decisions/0003-plain-requests.md).
"""

from collections.abc import Iterable, Mapping

from shared.web.asgi import Receive, Scope, Send
from shared.web.connection import Connection
from shared.web.edge import Edge
from shared.web.exchange import Route
from shared.web.holding import Client

_UNRESERVED = b"-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NO_PARAMETERS: Mapping[str, str] = {}

Match = tuple[Route, Mapping[str, str]]
"""A route, and its path parameters."""


class PlainRequests:
    """The hot routes of a listener. Its ASGI app must serve them too.

    A route has an exact path, or one parameter as the last segment. Routes with other parameters are left to the app.
    """

    def __init__(self, routes: Iterable[Route], edge: Edge) -> None:
        self._edge = edge
        self._exact: dict[tuple[str, bytes], Match] = {}
        self._families: dict[tuple[str, bytes], tuple[Route, str]] = {}
        for route in routes:
            folder, _, last = route.path.rpartition("/")
            if "{" not in route.path:
                self._exact[route.method, route.path.encode("ascii")] = (route, _NO_PARAMETERS)
            elif "{" not in folder:
                self._families[route.method, folder.encode("ascii")] = (route, last.strip("{}"))

    def match(self, scope: Scope) -> Match | None:
        """The hot route of a request that names it exactly, a parameter without percent-encoding; else None."""
        method, path = scope["method"], scope["raw_path"]
        exact = self._exact.get((method, path))
        if exact is not None or not self._families:
            return exact
        folder, _, last = path.rpartition(b"/")
        family = self._families.get((method, folder))
        if family is None or not last or last.translate(None, _UNRESERVED):
            return None
        route, name = family
        return route, {name: last.decode("ascii")}

    async def answer(
        self, match: Match, scope: Scope, receive: Receive, send: Send, whole_body: bytes | None, client: Client
    ) -> None:
        """Answer a request. `whole_body` is its body if that has arrived already, else None."""
        connection = Connection(self._edge, scope, receive, send, whole_body=whole_body, client=client)
        await connection.send(await connection.answer(*match))
