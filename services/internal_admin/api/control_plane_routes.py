"""Api: every route of the control plane (SPEC §10.2)."""

from services.internal_admin.api.opened_session import OpenedSessions
from services.internal_admin.api.operator_sessions import OperatorSessionRoutes
from services.internal_admin.api.protected_route import ProtectedRoute
from services.internal_admin.api.tokens import TokenRoutes
from shared.io.postgres import Postgres
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy


def control_plane_routes(postgres: Postgres, opened: OpenedSessions) -> tuple[ProtectedRoute, ...]:
    """The table of the control plane, for `Guard`."""
    clock, entropy = SystemClock(), SystemEntropy()
    return (
        *OperatorSessionRoutes(postgres, opened).routes(),
        *TokenRoutes(postgres, clock, entropy).routes(),
    )
