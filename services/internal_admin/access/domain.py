"""Decisions: whether a caller may use a route, and who is admitted without credentials (SPEC §4.5, §10.7)."""

from dataclasses import dataclass
from typing import TypeAlias

from services.internal_admin.callers.access import Access, Anyone, OperatorOnly, Scoped
from services.internal_admin.callers.identity import Identity, Operator, Scope, Token, TrustedNetwork, Unauthenticated
from services.internal_admin.callers.paths import is_internal


@dataclass(frozen=True, slots=True)
class Admitted:
    """The caller may use the route."""


@dataclass(frozen=True, slots=True)
class NotAuthenticated:
    """The caller is unknown."""


@dataclass(frozen=True, slots=True)
class LoginRequired:
    """The settings admit the caller to other routes without credentials; this one needs a login."""


@dataclass(frozen=True, slots=True)
class OperatorRequired:
    """The caller is known, but is no operator."""


@dataclass(frozen=True, slots=True)
class RenewalDue:
    """The operator's session must be renewed first."""


@dataclass(frozen=True, slots=True)
class ScopeMissing:
    """The token was not given this scope."""

    scope: Scope


AccessDecision: TypeAlias = Admitted | NotAuthenticated | LoginRequired | OperatorRequired | RenewalDue | ScopeMissing


def decide_access(access: Access, identity: Identity | None) -> AccessDecision:
    """Whether the caller may use a route. `identity` is None for a caller without good credentials or admission."""
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


@dataclass(frozen=True, slots=True)
class Admission:
    """`requires_token`: the internal API needs one. `control_plane_mode`: `operator`, `development` or `open`."""

    requires_token: bool
    control_plane_mode: str = "operator"

    def without_credentials(self, route: str, *, is_on_this_machine: bool) -> TrustedNetwork | Unauthenticated | None:
        """The identity of a caller without credentials, on the route of this template; None: the caller has none.

        The control plane trusts no network.
        """
        if is_internal(route):
            return None if self.requires_token else TrustedNetwork()
        is_open = self.control_plane_mode == "open"
        is_at_home = self.control_plane_mode == "development" and is_on_this_machine
        return Unauthenticated() if is_open or is_at_home else None
