"""The demands that a route can make on its caller (SPEC §10.7). `access.domain.decide_access` decides by them."""

from dataclasses import dataclass
from typing import TypeAlias

from services.internal_admin.callers.identity import Scope


@dataclass(frozen=True, slots=True)
class Anyone:
    """No credentials are needed. Good credentials, if given, reach the endpoint as an identity."""


@dataclass(frozen=True, slots=True)
class OperatorOnly:
    """An operator's session. Tokens are refused, break-glass too. `renews`: its renewal may be due."""

    renews: bool = False


@dataclass(frozen=True, slots=True)
class Scoped:
    """An operator's session, or a token with this scope."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class SignedByNode:
    """An active node's key must have signed the request (SPEC §16). Tokens and operators' sessions do not count."""


Access: TypeAlias = Anyone | OperatorOnly | Scoped
"""The demands of a route of operators and services."""
