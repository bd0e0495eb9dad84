"""The routes of gateway configurations (SPEC §16.4)."""

from services.internal_admin.callers.identity import Scope
from services.internal_admin.callers.paths import CONTROL_PLANE
from services.internal_admin.callers.route import Route
from services.internal_admin.gateway_configs.kind import GATEWAY_CONFIG
from services.internal_admin.publication.api import SubjectApi, routes

ROUTES: tuple[Route[SubjectApi], ...] = routes(
    GATEWAY_CONFIG,
    CONTROL_PLANE + "/gateway-configs",
    read=Scope.GATEWAY_CONFIGS_READ,
    write=Scope.GATEWAY_CONFIGS_WRITE,
    publish=Scope.GATEWAY_CONFIGS_PUBLISH,
)
