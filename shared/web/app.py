"""The two ways a `Route` is served: Quart-Trio for everything, bare ASGI for hot routes in front of it. Same rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from shared.web.edge import Edge
from shared.web.exchange import Endpoint, Request, Response, Route

__all__ = ["AsgiApp", "Edge", "Endpoint", "Request", "Response", "Route", "bare_app", "quart_app"]

AsgiApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]


def quart_app(routes: Iterable[Route], edge: Edge) -> AsgiApp:
    """An ASGI app that serves `routes` through Quart-Trio's router."""
    raise NotImplementedError


def bare_app(routes: Iterable[Route], fallback: AsgiApp, edge: Edge) -> AsgiApp:
    """An ASGI app that serves `routes` (exact paths, no parameters) itself and hands every other path to `fallback`."""
    raise NotImplementedError
