"""Domain: a mutation that came with an `Idempotency-Key`, and the answer that is kept for its repeats. Pure.

After draft-ietf-httpapi-idempotency-key-header: same caller, key and request within 24 hours, same answer.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import ClassVar

from services.internal_admin.callers.mutation import Caller
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
