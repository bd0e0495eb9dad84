"""What a route asks of its caller (SPEC §10.7). `access.domain.decide_access` decides by it."""

from dataclasses import dataclass
from typing import TypeAlias

from services.internal_admin.callers.identity import Scope


@dataclass(frozen=True, slots=True)
class Anyone:
    """No credentials. The endpoint is told of credentials that are given and good."""


@dataclass(frozen=True, slots=True)
class OperatorOnly:
    """An operator's session; a token, break-glass too, is forbidden. `renews`: also one whose renewal is due."""

    renews: bool = False


@dataclass(frozen=True, slots=True)
class Scoped:
    """An operator's session, or a token with this scope."""

    scope: Scope


Access: TypeAlias = Anyone | OperatorOnly | Scoped
