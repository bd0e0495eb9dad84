"""What a gateway tells its operator while it runs: for metrics and logs. No notice names a session or a key."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from clients.gateway.following import Missed, Problem


@dataclass(frozen=True, slots=True)
class Connected:
    """Redis answers, and is followed."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection ended, or none came about; it is tried again. `fault` is a kind, such as `lost` or `NOPERM`."""

    fault: str


@dataclass(frozen=True, slots=True)
class Forgot:
    """Revocations may have been missed: every active session is read again before it is believed."""

    why: Missed


@dataclass(frozen=True, slots=True)
class ServedStatic:
    """An answer was given from what was known once (`FailStatic`): one notice for each answer."""

    problem: Problem | Literal["rebuilding"]


@dataclass(frozen=True, slots=True)
class Refused:
    """Redis is there and does not take what this gateway writes, such as replay keys; one notice when that begins.

    `code`: `OOM` (full), `NOPERM` (the user lacks `+set` on replay keys), `READONLY` (a replica).
    """

    code: str


Notice: TypeAlias = Connected | Lost | Forgot | ServedStatic | Refused
OnNotice: TypeAlias = Callable[[Notice], None]

_log = logging.getLogger("clients.gateway")


def log_notice(notice: Notice) -> None:
    """The default: a line for each, but for `ServedStatic`, of which there is one a request."""
    match notice:
        case Connected():
            _log.info("the gateway follows Redis")
        case Lost(fault):
            _log.warning("the gateway lost Redis", extra={"fault": fault})
        case Forgot(why):
            _log.warning("the gateway reads its sessions again", extra={"reason": why})
        case Refused(code):
            _log.error("redis does not take what the gateway writes", extra={"fault": code})
        case ServedStatic():
            pass
