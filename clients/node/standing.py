"""Where the node stands: what it applied, what it rejected, and what happened. One task at a time changes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import anyio

from clients.node.configuration import Configuration
from contracts.node.manifest import NOWHERE, Manifest, Position
from contracts.node.signed import ConfigKey
from contracts.node.status import AppliedConfig, ConfigError, ConfigOutcome

Problem: TypeAlias = Literal["joining", "not_approved", "no_configuration", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class InUse:
    """The configuration in use. `error` says why the application runs with less than all of it.

    `is_recorded`: the disk has it too.
    """

    configuration: Configuration
    error: ConfigError | None = None
    is_recorded: bool = True


@dataclass(frozen=True, slots=True)
class RejectedOffer:
    """The last rejected manifest. `content` tells a renewal of it from another configuration."""

    digest: str
    position: Position
    content: tuple[object, ...]
    error: ConfigError


class Standing:
    """`changed` is called after each change that a status must tell."""

    def __init__(self) -> None:
        self.in_use: InUse | None = None
        self.rejected: RejectedOffer | None = None
        self.seen: str | None = None
        """The digest of an offer that is refused without a report, so that it is not offered again."""
        self.highest: Position = NOWHERE
        self.config_keys: tuple[ConfigKey, ...] = ()
        self.is_member = False
        self.is_approved = True
        self.revoked = anyio.Event()
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def enter(self, config_keys: tuple[ConfigKey, ...]) -> None:
        """The node is a member now."""
        self.is_member = True
        self.config_keys = config_keys
        self._tell()

    def use(self, in_use: InUse) -> None:
        """A configuration was applied. One from disk or a bundle leaves a newer rejected one as it is."""
        self.in_use = in_use
        if in_use.configuration.source == "control_plane":
            self.rejected = self.seen = None
            self.config_keys = in_use.configuration.manifest.config_keys
        self.highest = max(self.highest, in_use.configuration.manifest.position)
        self._tell()

    def recorded(self, in_use: InUse) -> None:
        """The disk has the configuration in use at last."""
        self.in_use = in_use
        self._tell()

    def settle(self) -> None:
        """The control plane confirmed the configuration in use, so an offer that was rejected is withdrawn."""
        if self.rejected is not None:
            self.rejected = None
            self._tell()
        self.seen = None

    def reject(self, digest: str, manifest: Manifest, content: tuple[object, ...], error: ConfigError) -> None:
        """A configuration was rejected; the one in use stays."""
        self.rejected = RejectedOffer(digest, manifest.position, content, error)
        self.seen = None
        self._tell()

    def revoke(self) -> None:
        self.in_use = None
        self.revoked.set()
        self._tell()

    def outcome(self) -> tuple[ConfigOutcome | None, AppliedConfig | None]:
        """For a status: the last configuration that was tried, and the one that serves beside a rejected one."""
        serving = None if self.in_use is None else self.in_use.configuration
        if self.rejected is not None:
            tried = self.rejected
            applied = (
                None if serving is None else AppliedConfig(serving.manifest.position, serving.digest, serving.source)
            )
            return ConfigOutcome(tried.position, tried.digest, "rejected", tried.error), applied
        if self.in_use is None or serving is None:
            return None, None
        outcome = "applied" if self.in_use.error is None else "degraded"
        position = serving.manifest.position
        return ConfigOutcome(position, serving.digest, outcome, self.in_use.error, serving.source), None

    def problem(self) -> Problem | None:
        """Why the node is not ready, but for expiry."""
        if self.revoked.is_set():
            return "revoked"
        if self.in_use is not None:
            return None
        if not self.is_member:
            return "joining"
        return "no_configuration" if self.is_approved else "not_approved"

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
