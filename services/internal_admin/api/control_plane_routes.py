"""Api: every route of the control plane (SPEC §10.2)."""

from services.internal_admin.api.opened_session import OpenedSessions
from services.internal_admin.api.operator_sessions import OperatorSessionRoutes
from services.internal_admin.api.protected_route import ProtectedRoute
from shared.io.postgres import Postgres


def control_plane_routes(postgres: Postgres, opened: OpenedSessions) -> tuple[ProtectedRoute, ...]:
    """The table of the control plane, for `Guard`."""
    return (*OperatorSessionRoutes(postgres, opened).routes(),)
