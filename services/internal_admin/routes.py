"""Api: every route of the trusted API (SPEC §4)."""

from services.internal_admin.blocks.api import BlockRoutes
from services.internal_admin.callers.route import ProtectedRoute
from services.internal_admin.changes.flow import PublishedChange
from services.internal_admin.mailbox.api import MailboxRoutes
from services.internal_admin.sessions.api import SessionRoutes
from services.internal_admin.users.api import UserRoutes
from services.internal_admin.users.user_deletion_api import UserDeletionRoutes
from shared.io.postgres import Postgres
from shared.kernel.keyring import KeyRing
from shared.projection.relay import Relay
from shared.users.directory import UserDirectory


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
