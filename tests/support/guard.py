"""The guard of the internal listener as tests build it."""

from datetime import timedelta

from services.internal_admin.access.domain import Admission
from services.internal_admin.access.flow import Authenticate, GuardTrail, OperatorAuthenticator
from services.internal_admin.access.guard import Guard
from services.internal_admin.operator_sessions.cookie import SessionCookie
from services.internal_admin.operator_sessions.domain import SessionLives
from services.internal_admin.tokens.uses import TokenUses
from shared.io.postgres import Postgres
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing
from tests.support.stack import COOKIE_KEYS


class Unlimited:
    """A limiter that lets everything pass."""

    async def check(self, _network: str, _route_name: str, /) -> timedelta | None:
        return None


def trusting_guard(postgres: Postgres) -> Guard:
    """Takes whoever calls the internal API for the trusted network, as by default."""
    sessions = OperatorAuthenticator(postgres, SessionLives(timedelta(days=7)))
    return Guard(
        Authenticate(postgres, sessions, TokenUses(), break_glass_token=None),
        Admission(requires_token=False),
        SessionCookie(KeyRing.parse("test", COOKIE_KEYS), SystemEntropy()),
        Unlimited(),
        GuardTrail(postgres),
        frozenset({"internal"}),
    )
