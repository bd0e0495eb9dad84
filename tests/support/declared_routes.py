"""The declarations of the internal listener's routes, by method and path."""

from services.internal_admin.callers.access import Access, SignedByNode
from services.internal_admin.routes import NODE_ROUTES, ROUTES

ACCESS = {(route.method, route.path): route.access for route in ROUTES}
NODE_ACCESS: dict[tuple[str, str], Access | SignedByNode] = {
    (route.method, route.path): route.access for route in NODE_ROUTES
}
"""The same for the routes that nodes call."""
