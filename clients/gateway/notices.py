"""Notices of a running gateway, for metrics and logs. No notice names a session or a key."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from clients.gateway.following import Missed, Problem


@dataclass(frozen=True, slots=True)
class Connected:
    """The gateway is connected to Redis and follows it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection ended or failed, and is tried again. `fault` is a kind, such as `lost` or `NOPERM`."""

    fault: str


@dataclass(frozen=True, slots=True)
class Forgot:
    """Revocations may have been missed. Every active session is read again before it is trusted."""

    why: Missed


@dataclass(frozen=True, slots=True)
class ServedStatic:
    """An answer came from a session that may be outdated (`FailStatic`). There is one notice for each answer."""

    problem: Problem | Literal["rebuilding"]


@dataclass(frozen=True, slots=True)
class Refused:
    """Redis refuses the gateway's writes, such as replay keys. There is one notice when that begins.

    `code` is `OOM` (Redis is full), `NOPERM` (the user lacks `+set` on replay keys), `READONLY` (a replica) or another.
    """

    code: str


Notice: TypeAlias = Connected | Lost | Forgot | ServedStatic | Refused
OnNotice: TypeAlias = Callable[[Notice], None]

_log = logging.getLogger("clients.gateway")


def log_notice(notice: Notice) -> None:
    """The default listener: logs each notice but `ServedStatic`, which comes once a request."""
    match notice:
        case Connected():
            _log.info("gateway connected to redis")
        case Lost(fault):
            _log.warning("gateway lost redis", extra={"fault": fault})
        case Forgot(why):
            _log.warning("gateway reads its sessions again", extra={"reason": why})
        case Refused(code):
            _log.error("redis refuses the gateway's writes", extra={"fault": code})
        case ServedStatic():
            pass
