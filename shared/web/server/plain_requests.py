"""The hot routes of a listener, answered without a framework.

One parser (`shared.http.request_head`) reads every request. A request whose target is exactly that of a hot route goes
to its endpoint from here. Another spelling of the same path, and every other route, goes through Quart.
The rules are the same. Why: docs/decisions/0003-plain-requests.md.
"""

from collections.abc import Iterable

from shared.web.asgi import Receive, Scope, Send
from shared.web.connection import Connection
from shared.web.edge import Edge
from shared.web.exchange import Route


class PlainRequests:
    """The hot routes of one listener: exact paths, no parameters. Let its ASGI app serve them too."""

    def __init__(self, routes: Iterable[Route], edge: Edge) -> None:
        self._routes = {(route.method, route.path.encode("ascii")): route for route in routes}
        self._edge = edge

    def route_of(self, scope: Scope) -> Route | None:
        """The hot route that a request names exactly, without a query."""
        return None if scope["query_string"] else self._routes.get((scope["method"], scope["raw_path"]))

    async def answer(self, route: Route, scope: Scope, receive: Receive, send: Send, whole_body: bytes | None) -> None:
        """Answer one request; never raises. `whole_body`, where it has arrived already."""
        connection = Connection(self._edge, scope, receive, send, whole_body=whole_body)
        await connection.send(await connection.answer(route, {}))
