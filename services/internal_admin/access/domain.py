"""Domain: what each route of the internal listener asks of its caller, the one table, and who is admitted by it
(SPEC §4.5, §10.7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from services.internal_admin.callers.identity import Identity, Operator, Scope, Token, TrustedNetwork, Unauthenticated


@dataclass(frozen=True, slots=True)
class Anyone:
    """No credentials. Those that are given and good are told to the endpoint."""


@dataclass(frozen=True, slots=True)
class OperatorOnly:
    """An operator's session; a token, break-glass too, is forbidden. `renews`: also one whose renewal is due."""

    renews: bool = False


@dataclass(frozen=True, slots=True)
class Scoped:
    """An operator's session, or a token with this scope."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Admitted:
    """The caller may."""


@dataclass(frozen=True, slots=True)
class NotAuthenticated:
    """Nobody knows who calls."""


@dataclass(frozen=True, slots=True)
class LoginRequired:
    """Settings alone admit the caller elsewhere; here they do not."""


@dataclass(frozen=True, slots=True)
class OperatorRequired:
    """The caller is known, and no operator."""


@dataclass(frozen=True, slots=True)
class RenewalDue:
    """The operator's session must be renewed first."""


@dataclass(frozen=True, slots=True)
class ScopeMissing:
    """The token was not given this scope."""

    scope: Scope


Access: TypeAlias = Anyone | OperatorOnly | Scoped
AccessDecision: TypeAlias = Admitted | NotAuthenticated | LoginRequired | OperatorRequired | RenewalDue | ScopeMissing

_INTERNAL, _PLANE = "/api/v1/internal", "/api/control-plane"

ACCESS: Mapping[tuple[str, str], Access] = MappingProxyType({
    ("GET", f"{_INTERNAL}/sessions/{{device_session_id}}"): Scoped(Scope.SESSIONS_READ),
    ("POST", f"{_INTERNAL}/sessions/{{device_session_id}}/revoke"): Scoped(Scope.SESSIONS_REVOKE),
    ("GET", f"{_INTERNAL}/users"): Scoped(Scope.USERS_READ),
    ("PATCH", f"{_INTERNAL}/users/{{user_id}}"): Scoped(Scope.USERS_WRITE),
    ("DELETE", f"{_INTERNAL}/users/{{user_id}}"): Scoped(Scope.USERS_DELETE),
    ("GET", f"{_INTERNAL}/users/{{user_id}}/sessions"): Scoped(Scope.SESSIONS_READ),
    ("POST", f"{_INTERNAL}/users/{{user_id}}/sessions/revoke-all"): Scoped(Scope.SESSIONS_REVOKE),
    ("GET", f"{_INTERNAL}/user-blocks"): Scoped(Scope.BLOCKS_READ),
    ("POST", f"{_INTERNAL}/user-blocks"): Scoped(Scope.BLOCKS_WRITE),
    ("POST", f"{_INTERNAL}/user-blocks/remove"): Scoped(Scope.BLOCKS_WRITE),
    ("GET", f"{_INTERNAL}/dev/mailbox"): Scoped(Scope.MAILBOX_READ),
    ("GET", f"{_PLANE}/auth/status"): Anyone(),
    ("POST", f"{_PLANE}/auth/bootstrap/exchange"): Anyone(),
    ("POST", f"{_PLANE}/auth/register-owner"): Anyone(),
    ("POST", f"{_PLANE}/auth/login"): Anyone(),
    ("POST", f"{_PLANE}/auth/password/recover"): Anyone(),
    ("POST", f"{_PLANE}/auth/password/change"): OperatorOnly(),
    ("POST", f"{_PLANE}/auth/logout"): OperatorOnly(renews=True),
    ("GET", f"{_PLANE}/auth/session"): OperatorOnly(renews=True),
    ("GET", "/v1/auth/session"): OperatorOnly(renews=True),
    ("GET", f"{_PLANE}/auth/sessions"): OperatorOnly(),
    ("DELETE", f"{_PLANE}/auth/sessions/{{operator_session_id}}"): OperatorOnly(),
    ("GET", f"{_PLANE}/auth/tokens"): OperatorOnly(),
    ("POST", f"{_PLANE}/auth/tokens"): OperatorOnly(),
    ("DELETE", f"{_PLANE}/auth/tokens/{{token_id}}"): OperatorOnly(),
    ("GET", f"{_PLANE}/auth/recovery-codes"): OperatorOnly(),
    ("POST", f"{_PLANE}/auth/recovery-codes/regenerate"): OperatorOnly(),
    ("GET", f"{_PLANE}/system-settings"): Scoped(Scope.SETTINGS_READ),
    ("PATCH", f"{_PLANE}/system-settings"): Scoped(Scope.SETTINGS_WRITE),
    ("GET", f"{_PLANE}/onboarding/status"): Scoped(Scope.SETTINGS_READ),
    ("POST", f"{_PLANE}/onboarding/bootstrap"): OperatorOnly(),
    ("GET", f"{_PLANE}/audit"): Scoped(Scope.AUDIT_READ),
})  # fmt: skip


def decide_access(access: Access, identity: Identity | None) -> AccessDecision:
    """Whether the caller may use a route. None: no credentials that are good, nor a setting that does without."""
    match access, identity:
        case Anyone(), _:
            return Admitted()
        case _, None:
            return NotAuthenticated()
        case _, Operator(is_renewal_due=is_due):
            return RenewalDue() if is_due and access != OperatorOnly(renews=True) else Admitted()
        case OperatorOnly(), _:
            return LoginRequired() if isinstance(identity, Unauthenticated) else OperatorRequired()
        case Scoped(scope), Token(scopes=scopes) if scope not in scopes:
            return ScopeMissing(scope)
        case _:
            return Admitted()


INTERNAL_ROOT = "/api/v1/internal/"


@dataclass(frozen=True, slots=True)
class Admission:
    """`requires_token`: of the internal API. `control_plane_mode`: `operator`, `development` or `open`."""

    requires_token: bool
    control_plane_mode: str = "operator"

    def without_credentials(self, route: str, *, is_on_this_machine: bool) -> TrustedNetwork | Unauthenticated | None:
        """Who a caller is that gave none, on the route of this template. The control plane trusts no network."""
        if route.startswith(INTERNAL_ROOT):
            return None if self.requires_token else TrustedNetwork()
        is_open = self.control_plane_mode == "open"
        is_at_home = self.control_plane_mode == "development" and is_on_this_machine
        return Unauthenticated() if is_open or is_at_home else None
