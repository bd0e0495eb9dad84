"""What every route of one listener shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from shared.web.client_address import ClientAddress

Observe = Callable[[str, str, int, float], None]
"""Called once per answer with method, route (its template, or "unmatched"), status and seconds."""


def _ignore(method: str, route: str, status: int, seconds: float) -> None:
    """Observe nothing."""


@dataclass(frozen=True, slots=True)
class Edge:
    """`is_draining` makes every answer carry `Connection: close` (SPEC §13.3)."""

    observe: Observe = _ignore
    is_draining: Callable[[], bool] = bool
    body_timeout: timedelta = field(default=timedelta(seconds=10))
