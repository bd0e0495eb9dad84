"""Answers the hot routes of a listener without a framework.

One parser (`shared.http.request_head`) reads every request. A request whose target is exactly that of a hot route goes
to its endpoint from here. Another spelling of the same path, and every other route, goes through Quart. The same rules
hold for both ways (docs/decisions/0003-plain-requests.md).
"""

from collections.abc import Iterable

from shared.web.asgi import Receive, Scope, Send
from shared.web.connection import Connection
from shared.web.edge import Edge
from shared.web.exchange import Route


class PlainRequests:
    """The hot routes of a listener, with exact paths and no parameters. Its ASGI app must serve them too."""

    def __init__(self, routes: Iterable[Route], edge: Edge) -> None:
        self._routes = {(route.method, route.path.encode("ascii")): route for route in routes}
        self._edge = edge

    def route_of(self, scope: Scope) -> Route | None:
        """The hot route of a request that names it exactly and has no query; else None."""
        return None if scope["query_string"] else self._routes.get((scope["method"], scope["raw_path"]))

    async def answer(self, route: Route, scope: Scope, receive: Receive, send: Send, whole_body: bytes | None) -> None:
        """Answer a request. `whole_body` is its body if that has arrived already, else None."""
        connection = Connection(self._edge, scope, receive, send, whole_body=whole_body)
        await connection.send(await connection.answer(route, {}))
