"""Domain: what every mutation carries besides what it changes (SPEC §4.1, §4.4)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

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


PART: Final = 1_000
"""The most sessions, or rows of another kind, that one transaction of a mutation changes: some tens of milliseconds."""


@dataclass(frozen=True, slots=True)
class Done:
    """What the earlier transactions of one mutation did: where the next one goes on."""

    session_ids: tuple[str, ...] = ()
    """The sessions they revoked, in the order of the answer."""
    after: tuple[datetime, str] | None = None
    """The last of these sessions in the list of all: its creation and its id."""
    outcome: str = ""
    """What the first one decided."""
    published_up_to: int = field(default=0)
    """Of a repeat under an `Idempotency-Key`: the outbox rows of the first request that were published."""

    def and_revoked(self, changes: Sequence[ProjectionChange], outcome: str) -> "Done":
        """With these sessions, newest first."""
        if not changes:
            return replace(self, outcome=self.outcome or outcome)
        last = changes[-1].session
        return replace(
            self,
            session_ids=self.session_ids + session_ids(changes),
            after=(last.created_at, last.device_session_id),
            outcome=self.outcome or outcome,
        )


NOTHING: Final = Done()


@dataclass(frozen=True, slots=True)
class Part:
    """One transaction of a mutation that is too large for one; `done` is handed to the next.

    What it committed stands. A repeat of the request finds what is left, and does that.
    """

    changes: tuple[ProjectionChange, ...]
    done: Done


def session_ids(changes: Sequence[ProjectionChange]) -> tuple[str, ...]:
    """The sessions of some changes, in their order."""
    return tuple(change.session.device_session_id for change in changes)
