"""Domain: what every mutation carries besides what it changes (SPEC §4.1, §4.4)."""

from dataclasses import dataclass
from typing import Protocol

from shared.kernel.actor import Actor
from shared.kernel.projection_change import ProjectionChange


@dataclass(frozen=True, slots=True)
class Caller:
    """Who was authenticated, and from where. `network` is the peer's canonical text, None for a Unix socket.

    The command line has neither network nor request id.
    """

    name: str
    network: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something is changed: a reason, the actor the caller claims, and the caller itself."""

    reason_code: str
    actor: Actor
    caller: Caller


class Outcome(Protocol):
    """How a mutation ended, with the gateway records that must be readable before it is told."""

    @property
    def changes(self) -> tuple[ProjectionChange, ...]: ...
