"""Serves routes through the router of Quart-Trio; `shared.web.connection` reads requests and sends answers.

Most requests of hot routes do not reach Quart (`shared.web.server.plain_requests`). The same rules hold for them.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, cast
from urllib.parse import unquote_to_bytes

import quart
from quart.asgi import ASGIHTTPConnection
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter, Map

from contracts.errors import ErrorCode
from shared.web.asgi import AsgiApp, Scope
from shared.web.connection import Connection
from shared.web.edge import Edge
from shared.web.exchange import Response, Route
from shared.web.refusals import answer_to, method_not_allowed, refusal

_CONNECTION = "authsession.connection"


def quart_app(routes: Iterable[Route], edge: Edge) -> AsgiApp:
    """An ASGI app that serves `routes` through Quart's router. Every answer, also 404 and 405, has our format."""
    routes = tuple(routes)
    methods = frozenset({"HEAD", "OPTIONS", *(route.method for route in routes)})
    app = QuartTrio(__name__, static_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.converters["but"] = _But
    app.asgi_http_class = _connection_class(edge, methods)  # pyright: ignore[reportAttributeAccessIssue]
    paths = [_form(route.path) for route in routes]
    for route in routes:
        app.add_url_rule(
            _rule(route.path, paths),
            endpoint=f"{route.method} {route.path}",
            view_func=_view(route),
            methods=[route.method],
            provide_automatic_options=False,
        )
    app.register_error_handler(HTTPException, _refuse)
    return cast(AsgiApp, app)


class _But(BaseConverter):
    """A segment that is none of some words, each of letters and hyphens."""

    def __init__(self, url_map: Map, *words: str) -> None:
        super().__init__(url_map)
        self.regex = rf"(?!(?:{'|'.join(words)})(?:/|$))[^/]+"


def _rule(path: str, paths: Sequence[Sequence[str]]) -> str:
    """The path as the router reads it. A parameter never takes a word that another path has in its place.

    Else `PUT /connections/{name}` would answer for the method PUT of `/connections/catalog`, which has none.
    """
    form, parts = _form(path), path.split("/")
    for place, part in enumerate(parts):
        if part.startswith("{"):
            words = {other[place] for other in paths if len(other) > place and other[:place] == form[:place]} - {"{}"}
            excluding = f"but({', '.join(repr(word) for word in sorted(words))}):" if words else ""
            parts[place] = f"<{excluding}{part[1:-1]}>"
    return "/".join(parts)


def _form(path: str) -> list[str]:
    """The segments of a path, without the names of its parameters."""
    return ["{}" if part.startswith("{") else part for part in path.split("/")]


def _view(route: Route) -> Callable[..., Awaitable[quart.Response]]:
    async def view(**path_parameters: str) -> quart.Response:
        connection: Connection = cast(Any, quart.request.scope)[_CONNECTION]
        return _to_quart(await connection.answer(route, path_parameters))

    return view


def _refuse(error: HTTPException) -> quart.Response:
    """The answer to a refusal of the router itself."""
    if isinstance(error, MethodNotAllowed):
        return _to_quart(method_not_allowed(error.valid_methods or ()))
    if isinstance(error, NotFound):
        return _to_quart(refusal(ErrorCode.NOT_FOUND))
    return _to_quart(answer_to(error))


def _answer_to_options(edge: Edge, methods: Iterable[str]) -> Response:
    """The answer to OPTIONS for the server as a whole (RFC 9110 §9.3.7), which load balancers use as a health check.

    HAProxy sends it by default, for the path `/`.
    """
    if edge.is_draining():
        return refusal(ErrorCode.SERVICE_UNAVAILABLE)
    return Response(204, b"", ((b"allow", ", ".join(sorted(methods)).encode("ascii")),))


def _connection_class(edge: Edge, methods: frozenset[str]) -> type[ASGIHTTPConnection]:
    class QuartConnection(ASGIHTTPConnection):
        """Runs Quart's dispatch without its watcher for disconnects, so that a client that hangs up cancels nothing."""

        async def __call__(self, receive: Any, send: Any) -> None:
            connection = Connection(edge, cast(Scope, self.scope), receive, send)
            await connection.send(await self._dispatch(connection, send))

        async def _dispatch(self, connection: Connection, send: Any) -> Response:
            if self.scope["method"] == "OPTIONS" and self.scope["raw_path"] in (b"*", b"/"):
                return _answer_to_options(edge, methods)
            preflight = edge.cors.preflight(self.scope["method"], self.scope["headers"], methods)
            if preflight is not None:
                return Response(204, b"", preflight)
            path = _decoded_path(self.scope["raw_path"])
            if path is None:
                return refusal(ErrorCode.NOT_FOUND)
            self.scope = cast(Any, {**self.scope, "path": path, _CONNECTION: connection})
            return await _from_quart(await self.app.handle_request(self._create_request_from_scope(send)))

    return QuartConnection


def _decoded_path(raw_path: bytes) -> str | None:
    """The path for the router, or None if it cannot name one of our routes.

    None for an encoded slash, which would become another route when decoded. None too for two slashes at the start,
    which the router would read as one.
    """
    if not raw_path.startswith(b"/") or raw_path.startswith(b"//") or b"%2f" in raw_path.lower():
        return None
    try:
        path = unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return path if path.isprintable() else None


def _to_quart(response: Response) -> quart.Response:
    headers = {"content-type": "application/json"}  # Quart's default is HTML
    headers.update((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
    return quart.Response(response.body, response.status, headers)


async def _from_quart(response: Any) -> Response:
    headers = tuple(
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers
        if name.lower() != "content-length"
    )
    return Response(response.status_code, await response.get_data(as_text=False), headers)
