"""A mutation with an `Idempotency-Key`, its kept answer, and the parts of a large mutation (SPEC §4.2, §4.3).

After draft-ietf-httpapi-idempotency-key-header: the same caller, key and request within 24 hours get the same answer.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Final, Protocol, TypeAlias

from services.internal_admin.callers.identity import Caller
from shared.kernel.projection_change import ProjectionChange

_KEY = re.compile(r"[!-~]{1,255}")

Digests: TypeAlias = Callable[[bytes], tuple[bytes, ...]]
"""Digests of a request under all keys that may be in use, the newest first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer that a caller got: an HTTP status and the bytes of a body."""

    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request under a key, both kept only as digests.

    `holder` is the owner of the key. Two services with one identity are told apart by their networks.
    `older_hashes`: a repeat of the request may have one of these, if the digest has a key that changed since.
    """

    caller: Caller
    holder: str
    key_hash: bytes = field(repr=False)
    request_hash: bytes = field(repr=False)
    older_hashes: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to the first request under the key. Gateways must be able to read `changes` before it is given."""

    answer: Answer
    changes: tuple[ProjectionChange, ...]


@dataclass(frozen=True, slots=True)
class KeyConflict:
    """The caller used the key for another request before: nothing was changed."""

    changes: tuple[ProjectionChange, ...] = ()
    name: ClassVar[str] = "idempotency_conflict"


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer is kept under the key yet."""

    changes: tuple[ProjectionChange, ...] = ()


def sha256_alone(request: bytes) -> tuple[bytes, ...]:
    """The digests of a request without guessable secrets."""
    return (hashlib.sha256(request).digest(),)


def keyed_request(
    caller: Caller, key: str, request: bytes, *, is_shared: bool, digests: Digests = sha256_alone
) -> KeyedRequest:
    """A request under its key. `is_shared`: the caller's name may stand for several services.

    `digests` makes at least one digest of the request; the first is kept.

    Raises `ValueError` unless the key is 1 to 255 visible ASCII characters.
    """
    if not _KEY.fullmatch(key):
        raise ValueError("1 to 255 visible ASCII characters")
    holder = f"{caller.name} {caller.network or 'unix'}" if is_shared else caller.name
    newest, *older = digests(request)
    return KeyedRequest(caller, holder, hashlib.sha256(key.encode("ascii")).digest(), newest, tuple(older))


class Outcome(Protocol):
    """The end of a mutation, with the gateway records that must be readable before it is answered."""

    @property
    def changes(self) -> tuple[ProjectionChange, ...]: ...


class NoSessionChanged:
    """An outcome that changes no session, so no gateway record has to be readable before the answer."""

    __slots__ = ()

    @property
    def changes(self) -> tuple[ProjectionChange, ...]:
        return ()


PART: Final = 1_000
"""The most sessions, or rows of another kind, that one transaction of a mutation changes: some tens of milliseconds."""


@dataclass(frozen=True, slots=True)
class Done:
    """The work of the earlier transactions of a mutation. The next one goes on from there."""

    session_ids: tuple[str, ...] = ()
    """The sessions revoked so far, in the order of the answer."""
    after: tuple[datetime, str] | None = None
    """The creation and the id of the last of these sessions."""
    outcome: str = ""
    """The decision of the first transaction."""
    published_up_to: int = field(default=0)
    """For a repeat under an `Idempotency-Key`: the outbox row up to which the first request's records are published."""

    def and_revoked(self, changes: Sequence[ProjectionChange], outcome: str) -> "Done":
        """The work so far, with these sessions added, newest first."""
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
    """The result of one transaction of a mutation that needs several. The next one gets `done`.

    The committed part stands. A repeat of the request finds the rest and does it.
    """

    changes: tuple[ProjectionChange, ...]
    done: Done


def session_ids(changes: Sequence[ProjectionChange]) -> tuple[str, ...]:
    """The ids of the sessions of `changes`, in their order."""
    return tuple(change.session.device_session_id for change in changes)
