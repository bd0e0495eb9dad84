"""Api: every route of the control plane (SPEC §10.2)."""

from services.internal_admin.audit.api import AuditRoutes
from services.internal_admin.callers.route import ProtectedRoute
from services.internal_admin.onboarding.api import OnboardingRoutes
from services.internal_admin.operator_sessions.api import OperatorSessionRoutes
from services.internal_admin.operator_sessions.opened import OpenedSessions
from services.internal_admin.operators.api import OperatorAccountRoutes
from services.internal_admin.operators.flow import AccountFlow
from services.internal_admin.operators.setup_api import OwnerSetupRoutes
from services.internal_admin.system_settings.api import SettingsRoutes
from services.internal_admin.tokens.api import TokenRoutes
from shared.io.postgres import Postgres
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.lifecycle.supervision import Signal
from shared.web.rate_limit import RateLimiter


def control_plane_routes(
    postgres: Postgres,
    opened: OpenedSessions,
    accounts: AccountFlow,
    limiter: RateLimiter,
    *,
    allows_loopback_bootstrap: bool,
    settings_changed: Signal,
) -> tuple[ProtectedRoute, ...]:
    """The table of the control plane, for `Guard`. The last two: see `OwnerSetupRoutes`, `SettingsRoutes`."""
    clock, entropy = SystemClock(), SystemEntropy()
    return (
        *OwnerSetupRoutes(accounts, opened, limiter, allows_loopback_bootstrap).routes(),
        *OperatorAccountRoutes(accounts, opened, limiter).routes(),
        *OperatorSessionRoutes(postgres, opened).routes(),
        *TokenRoutes(postgres, clock, entropy).routes(),
        *AuditRoutes(postgres).routes(),
        *SettingsRoutes(postgres, settings_changed).routes(),
        *OnboardingRoutes(postgres).routes(),
    )
