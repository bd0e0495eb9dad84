"""Notices of a running node, for metrics and logs. No notice holds a key or a secret."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from contracts.node.manifest import Position
from contracts.node.status import Source

Distrust: TypeAlias = Literal[
    "malformed_answer",
    "untrusted_control_plane",
    "untrusted_statement",
    "another_node",
    "not_fresh",
    "another_pool",
    "missing_manifest",
    "untrusted_manifest",
    "another_manifest",
    "incompatible",
    "expired",
    "older_position",
    "wrong_document",
    "untrusted_secret",
]
"""Why an answer or a configuration is not used.

* `untrusted_control_plane`: no configuration key has the fingerprint of the join string.
* `untrusted_statement`, `untrusted_manifest`: no trusted key signed these bytes.
* `untrusted_secret`: no trusted key signed a sealed value for this request, or the node's key does not open it.
* `another_node`, `another_pool`, `not_fresh`: the answer belongs to another node, pool or request.
* `another_manifest`: the manifest is not the one that the statement names.
* `older_position`: epoch and sequence are below the highest that this node ever applied.
"""


@dataclass(frozen=True, slots=True)
class Joined:
    """The control plane made this node a member of a pool."""

    node_id: str
    pool: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An operator must approve the node. There is one notice when the waiting begins."""


@dataclass(frozen=True, slots=True)
class Reached:
    """The control plane answers (again)."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """No control plane URL gives a usable answer. `why` is a kind, such as `timeout` or `status_502`."""

    why: str


@dataclass(frozen=True, slots=True)
class Denied:
    """The control plane refuses the node's request with this error code. Everything is kept."""

    code: str


@dataclass(frozen=True, slots=True)
class Distrusted:
    """An answer was refused, and nothing of it was used. The configuration in use stays. One notice for each."""

    why: Distrust


@dataclass(frozen=True, slots=True)
class Applied:
    """A configuration is in use from now on. `is_degraded`: the application runs with less than all of it."""

    position: Position
    source: Source
    is_degraded: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """The application rejected a configuration, and the older one stays. `document` is `kind/name`."""

    position: Position
    code: str
    document: str | None = None


@dataclass(frozen=True, slots=True)
class Expired:
    """The configuration in use is past its expiry. `is_served` says whether the node goes on with it."""

    is_served: bool


@dataclass(frozen=True, slots=True)
class ClockIsWrong:
    """This machine's clock differs from the control plane's. The node corrects it for its own use."""

    seconds: float


@dataclass(frozen=True, slots=True)
class NotKept:
    """The folder of the node could not be read or written. `why` is a kind, such as `damaged` or `ENOSPC`."""

    why: str


@dataclass(frozen=True, slots=True)
class Revoked:
    """The node was revoked, and has closed for good."""


Notice: TypeAlias = (
    Joined | Waiting | Reached | Unreached | Denied | Distrusted | Applied | Rejected | Expired | ClockIsWrong | NotKept
    | Revoked
)  # fmt: skip
OnNotice: TypeAlias = Callable[[Notice], None]

_log = logging.getLogger("clients.node")


def log_notice(notice: Notice) -> None:
    """The default listener: logs each notice."""
    match notice:
        case Joined() | Reached() | Applied(is_degraded=False):
            level = logging.INFO
        case Revoked() | Distrusted() | Rejected() | NotKept():
            level = logging.ERROR
        case _:
            level = logging.WARNING
    _log.log(level, _TEXTS[type(notice)], extra={"notice": str(notice)})


_TEXTS: dict[type[Notice], str] = {
    Joined: "node joined",
    Waiting: "node waits for approval",
    Reached: "node reached the control plane",
    Unreached: "node cannot reach the control plane",
    Denied: "control plane refused the node",
    Distrusted: "node refused an answer",
    Applied: "configuration applied",
    Rejected: "configuration rejected",
    Expired: "configuration has expired",
    ClockIsWrong: "clock of this machine is wrong",
    NotKept: "node folder cannot be used",
    Revoked: "node was revoked",
}
