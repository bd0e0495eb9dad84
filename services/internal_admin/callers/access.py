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
    """The signature of an active node's key (SPEC §16). No token and no operator's session is accepted."""


Access: TypeAlias = Anyone | OperatorOnly | Scoped
"""The demands of a route of operators and services."""
