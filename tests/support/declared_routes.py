"""The declarations of the internal listener's routes, by method and path."""

from services.internal_admin.routes import ROUTES

ACCESS = {(route.method, route.path): route.access for route in ROUTES}
