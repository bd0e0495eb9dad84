"""Domain: a mutation that came with an `Idempotency-Key`, and the answer that is kept for its repeats. Pure.

After draft-ietf-httpapi-idempotency-key-header: same caller, key and request within 24 hours, same answer.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Final, Protocol

from services.internal_admin.callers.identity import Caller
from shared.kernel.projection_change import ProjectionChange

_KEY = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller was told: an HTTP status and the bytes of a body."""

    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request under a key. Both only as SHA-256.

    `holder`: whose key it is. Two services with one identity are told apart by their networks.
    """

    caller: Caller
    holder: str
    key_hash: bytes = field(repr=False)
    request_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer of the first request under the key; `changes` must be readable at gateways before it is given."""

    answer: Answer
    changes: tuple[ProjectionChange, ...]


@dataclass(frozen=True, slots=True)
class KeyConflict:
    """The caller used the key for another request: nothing was changed."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "idempotency_conflict"


def keyed_request(caller: Caller, key: str, request: bytes, *, is_shared: bool) -> KeyedRequest:
    """The request under its key. `is_shared`: the caller's name may stand for several services.

    Raises `ValueError` unless the key is 1 to 255 visible ASCII characters.
    """
    if not _KEY.fullmatch(key):
        raise ValueError("1 to 255 visible ASCII characters")
    holder = f"{caller.name} {caller.network or 'unix'}" if is_shared else caller.name
    return KeyedRequest(caller, holder, hashlib.sha256(key.encode("ascii")).digest(), hashlib.sha256(request).digest())


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
