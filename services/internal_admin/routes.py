"""Api: every route of the trusted API (SPEC §4)."""

from services.internal_admin.audit.api import AuditRoutes
from services.internal_admin.blocks.api import BlockRoutes
from services.internal_admin.callers.route import ProtectedRoute
from services.internal_admin.changes.flow import PublishedChange
from services.internal_admin.mailbox.api import MailboxRoutes
from services.internal_admin.onboarding.api import OnboardingRoutes
from services.internal_admin.operator_sessions.api import OperatorSessionRoutes
from services.internal_admin.operator_sessions.opened import OpenedSessions
from services.internal_admin.operators.api import OperatorAccountRoutes
from services.internal_admin.operators.flow import AccountFlow
from services.internal_admin.operators.setup_api import OwnerSetupRoutes
from services.internal_admin.sessions.api import SessionRoutes
from services.internal_admin.system_settings.api import SettingsRoutes
from services.internal_admin.tokens.api import TokenRoutes
from services.internal_admin.users.api import UserDeletionRoutes, UserRoutes
from shared.io.postgres import Postgres
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing
from shared.lifecycle.supervision import Signal
from shared.projection.relay import Relay
from shared.users.directory import UserDirectory
from shared.web.rate_limit import RateLimiter


def internal_routes(
    postgres: Postgres,
    relay: Relay,
    *,
    users: UserDirectory | None,
    mailbox_keys: KeyRing | None,
) -> tuple[ProtectedRoute, ...]:
    """The table of the trusted API, for `Guard`. `users` is None where they live in our own Postgres. `mailbox_keys`
    unseal the development mailbox; without them there is none."""
    change = PublishedChange(postgres, relay)
    return (
        *SessionRoutes(postgres, change).routes(),
        *UserRoutes(postgres, change, users).routes(),
        *UserDeletionRoutes(change).routes(),
        *BlockRoutes(postgres, change, users).routes(),
        *(MailboxRoutes(postgres, mailbox_keys).routes() if mailbox_keys else ()),
    )


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
