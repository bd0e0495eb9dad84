"""The route of the health of a connection. It reads rows and calls nobody (SPEC §18.3)."""

from dataclasses import dataclass

from contracts.control_plane.connection_health import encode_health
from contracts.control_plane.connections import require_connection_name
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import CONTROL_PLANE
from services.internal_admin.callers.route import Route
from services.internal_admin.connection_health.store import read_health
from shared.io.postgres import Postgres
from shared.web.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class HealthApi:
    """The health of connections, as operators see it."""

    postgres: Postgres

    async def read(self, request: Request, _: Identity | None) -> Response:
        """Status and last observations of one connection."""
        name = require_connection_name(request.path_parameters["integration_id"])
        health = await self.postgres.unit_of_work(read_health, name)
        if health is None:
            raise Refusal(ErrorCode.CONNECTION_NOT_FOUND)
        return Response(200, encode_health(health))


ROUTES: tuple[Route[HealthApi], ...] = (
    Route(
        "GET",
        CONTROL_PLANE + "/integrations/{integration_id}/health",
        HealthApi.read,
        access=Scoped(Scope.CONNECTIONS_READ),
    ),
)
