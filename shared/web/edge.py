"""What every route of one listener shares."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from shared.kernel.entropy import Entropy, SystemEntropy
from shared.web.client_address import ClientAddresses

Observe = Callable[[str, str, int, float], None]
"""Called once per answer with method, route (its template, or "unmatched"), status and seconds from head to answer."""


def _ignore(method: str, route: str, status: int, seconds: float) -> None:
    """Observe nothing."""


@dataclass(frozen=True, slots=True)
class Edge:
    """`is_draining` makes every answer carry `Connection: close` (SPEC §13.3).

    `believes_traceparent`: every peer's trace goes on here; otherwise only what trusted proxies hand on does.
    `body_timeout` bounds the time from the head of a request to the end of its body.
    """

    client_addresses: ClientAddresses = field(default_factory=ClientAddresses)
    observe: Observe = _ignore
    is_draining: Callable[[], bool] = bool
    believes_traceparent: bool = False
    body_timeout: timedelta = timedelta(seconds=10)
    entropy: Entropy = field(default_factory=SystemEntropy)
