"""The settings of a node."""

import os
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from clients.node.notices import OnNotice, log_notice
from contracts.node.join import parse_join_string
from contracts.node.names import MAX_SOFTWARE_LENGTH, is_name, is_node_id
from contracts.node.poll import MAX_WAIT
from contracts.node.report import Report
from contracts.node.signed import ConfigKey

MAX_SECRET_LIFE: Final = 3600.0

OnExpired: TypeAlias = Literal["serve_stale", "fail_closed"]


@dataclass(frozen=True, slots=True)
class Registered:
    """A node that an operator registered with its public keys, so that no join string is needed.

    The answer of the registration has all three. None of them is secret.
    """

    node_id: str
    pool: str
    config_keys: tuple[ConfigKey, ...]

    def __post_init__(self) -> None:
        if not (is_node_id(self.node_id) and is_name(self.pool) and self.config_keys):
            raise ValueError("a registered node needs its node id, its pool and a configuration key")


@dataclass(frozen=True, slots=True)
class Timing:
    """Times in seconds. The defaults suit production; tests shorten them."""

    start_patience: float = 5.0
    """The longest wait for the control plane at the start, before the configuration on disk is used."""
    first_pause: float = 2.0
    max_pause: float = 60.0
    """Backoff after a failure: from `first_pause` to `max_pause`, and with jitter half of that: 1 to 60 seconds."""
    unready_pause: float = 1.0
    """The longest backoff while the node has no configuration, so that it is ready soon after an outage."""
    poll_wait: int = 25
    """How long the control plane may hold a poll."""
    answer_timeout: float = 10.0
    """The longest wait for a whole answer, beyond the time for which a poll is held."""
    status_every: float = 30.0
    secret_life: float = 3600.0
    """How long an opened secret stays in memory: at most an hour."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """`control_planes` are base URLs without a path, tried in turn. `folder` holds keys and configuration.

    A first start needs `join_string` or `registered`; later starts ignore both. `bundle` is a signed bundle file for a
    start without control plane and without a configuration on disk. `report` is called before each status.
    `on_notice` and `report` must raise nothing.
    `on_revoked` must wipe the application's secrets; it is called once, after the node was revoked.
    """

    control_planes: tuple[str, ...]
    folder: Path
    node_name: str
    join_string: str | None = field(default=None, repr=False)
    registered: Registered | None = None
    software: str | None = None
    bundle: Path | None = None
    on_expired: OnExpired = "serve_stale"
    on_notice: OnNotice = log_notice
    on_revoked: Callable[[], Awaitable[None]] | None = None
    report: Callable[[], Report | None] | None = None
    tls: ssl.SSLContext | None = None
    """The default verifies certificates by the system's authorities, or by `SSL_CERT_FILE`."""
    timing: Timing = field(default_factory=Timing)

    def __post_init__(self) -> None:
        if not self.control_planes or not all(_is_base_url(each) for each in self.control_planes):
            raise ValueError("control_planes must be one or more URLs such as https://control.example.com")
        if not is_name(self.node_name):
            raise ValueError("node_name must be 1 to 63 of a-z, 0-9 and -, without - at its ends")
        if self.join_string is not None and parse_join_string(self.join_string) is None:
            raise ValueError("join_string is no join string: it begins with authsession_join_ and has three parts")
        if self.software is not None and not _is_software(self.software):
            raise ValueError(f"software must be at most {MAX_SOFTWARE_LENGTH} printable characters")
        if not 0 <= self.timing.poll_wait <= MAX_WAIT:
            raise ValueError(f"poll_wait must be a whole number from 0 to {MAX_WAIT}")
        if not 1 <= self.timing.secret_life <= MAX_SECRET_LIFE:
            raise ValueError(f"secret_life must be 1 to {MAX_SECRET_LIFE:.0f} seconds")
        if self.on_expired not in ("serve_stale", "fail_closed"):
            raise ValueError("on_expired must be serve_stale or fail_closed")
        object.__setattr__(self, "folder", Path(os.fspath(self.folder)))


def _is_software(text: str) -> bool:
    return len(text) <= MAX_SOFTWARE_LENGTH and text.isprintable()


def _is_base_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/") and parts.port != 0
        ) and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        return False
