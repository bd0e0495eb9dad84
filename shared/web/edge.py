"""The parameters that all routes of a listener share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from shared.kernel.entropy import Entropy
from shared.web.body_memory import BodyMemory
from shared.web.client_address import ClientAddresses
from shared.web.cors import NO_CORS, Cors
from shared.web.holding import Holds

Observe = Callable[[str, str, int, float], None]
"""A function that is called once per answer with method, route, status, and seconds from head to answer.

The route is a template, or "unmatched".
"""


def _ignore(method: str, route: str, status: int, seconds: float) -> None:
    """Observe nothing."""


@dataclass(frozen=True, slots=True)
class Edge:
    """While `is_draining` returns true, every answer has `Connection: close` (SPEC §13.3).

    With `believes_traceparent` the trace of every peer continues here, otherwise only those of trusted proxies.
    `body_timeout` is the maximum time from the head of a request to the end of its body. `body_memory` limits the large
    bodies of all requests together, and `holds` the held requests. `cors` answers preflights; the server adds
    the fields of every answer.
    """

    entropy: Entropy
    client_addresses: ClientAddresses = field(default_factory=ClientAddresses)
    observe: Observe = _ignore
    is_draining: Callable[[], bool] = bool
    believes_traceparent: bool = False
    body_timeout: timedelta = timedelta(seconds=10)
    body_memory: BodyMemory = field(default_factory=BodyMemory)
    holds: Holds = field(default_factory=Holds)
    cors: Cors = NO_CORS
