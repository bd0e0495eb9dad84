"""Domain: what each route of the internal listener asks of its caller: the one table (SPEC §4.5, §10.7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from services.internal_admin.domain.scope import Scope


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


Access: TypeAlias = Anyone | OperatorOnly | Scoped

_INTERNAL, _PLANE = "/api/v1/internal", "/api/control-plane"

ACCESS: Mapping[tuple[str, str], Access] = MappingProxyType({
    ("GET", f"{_INTERNAL}/sessions/{{device_session_id}}"): Scoped(Scope.SESSIONS_READ),
    ("POST", f"{_INTERNAL}/sessions/{{device_session_id}}/revoke"): Scoped(Scope.SESSIONS_REVOKE),
    ("GET", f"{_INTERNAL}/users"): Scoped(Scope.USERS_READ),
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
