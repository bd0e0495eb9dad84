"""Applies a verified configuration: hands it to the application, then records it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import anyio
from anyio.to_thread import run_sync

from clients.node.configuration import Apply, Configuration, ConfigurationRejected
from clients.node.disk import kind_of
from clients.node.kept import Damaged, Kept
from clients.node.notices import Applied, NotKept, OnNotice, Rejected
from clients.node.standing import InUse, Standing
from contracts.node.manifest import Manifest
from contracts.node.signed import ConfigKey
from contracts.node.status import ConfigError

_NOT_RECORDED = "not_recorded"


class Applier:
    """One configuration at a time."""

    def __init__(self, apply: Apply, kept: Kept, standing: Standing, on_notice: OnNotice) -> None:
        self._apply = apply
        self._kept = kept
        self._standing = standing
        self._on_notice = on_notice
        self._turn = anyio.Lock()

    async def apply(self, configuration: Configuration) -> None:
        """Applies, records and tells. Content that is in use or was rejected is not applied again."""
        async with self._turn:
            await self._take(configuration)

    async def apply_first(self, configuration: Configuration) -> None:
        """Applies a configuration from disk or from a bundle, unless one is in use meanwhile."""
        async with self._turn:
            if self._standing.in_use is None:
                await self._take(configuration)

    async def record_again(self) -> None:
        """Records the configuration in use, if the disk refused it before. There is no second notice of a full disk."""
        async with self._turn:
            in_use, standing = self._standing.in_use, self._standing
            if in_use is None or in_use.is_recorded:
                return
            try:
                await run_sync(self._kept.record, in_use.configuration, standing.highest, standing.config_keys)
            except OSError:
                return
            error = None if in_use.error is not None and in_use.error.code == _NOT_RECORDED else in_use.error
            standing.recorded(InUse(in_use.configuration, error))
            configuration = in_use.configuration
            self._on_notice(Applied(configuration.manifest.position, configuration.source, error is not None))

    async def reject(self, digest: str, manifest: Manifest, content: tuple[object, ...], error: ConfigError) -> None:
        """Rejects a verified manifest; its configuration keys are trusted all the same."""
        if self._standing.rejected is None or self._standing.rejected.digest != digest:
            self._on_notice(Rejected(manifest.position, error.code, error.document))
        self._standing.reject(digest, manifest, content, error)
        if manifest.position >= self._standing.highest and manifest.config_keys != self._standing.config_keys:
            self._standing.config_keys = manifest.config_keys
            await self._on_disk(self._kept.trust, self._standing.highest, manifest.config_keys)

    async def _take(self, configuration: Configuration) -> None:
        content, rejected, serving = configuration.content, self._standing.rejected, self._standing.in_use
        if serving is not None and serving.configuration.content == content:
            await self._record(InUse(configuration, serving.error))
        elif rejected is not None and rejected.content == content:
            await self.reject(configuration.digest, configuration.manifest, content, rejected.error)
        else:
            await self._try(configuration)

    async def _try(self, configuration: Configuration) -> None:
        try:
            degraded = await self._apply(configuration)
        except Exception as problem:  # noqa: BLE001 - every fault of the application's code rejects the configuration
            error = _error_of(problem)
            await self.reject(configuration.digest, configuration.manifest, configuration.content, error)
            return
        error = (
            None
            if degraded is None
            else ConfigurationRejected(degraded.code, degraded.message, degraded.document).error
        )
        await self._record(InUse(configuration, error))

    async def _record(self, in_use: InUse) -> None:
        """Records what is in use already. A full disk makes the node degraded; it does not undo the application."""
        configuration = in_use.configuration
        if configuration.source != "disk":
            highest = max(self._standing.highest, configuration.manifest.position)
            fault = await self._on_disk(self._kept.record, configuration, highest, self._keys_after(configuration))
            if fault is not None:
                error = in_use.error or ConfigError(_NOT_RECORDED, f"the node's disk refused a write: {fault}")
                in_use = replace(in_use, error=error, is_recorded=False)
        self._standing.use(in_use)
        position = configuration.manifest.position
        self._on_notice(Applied(position, configuration.source, in_use.error is not None))

    def _keys_after(self, configuration: Configuration) -> tuple[ConfigKey, ...]:
        """A bundle may be older than the keys that the node learned when it joined."""
        listed = configuration.manifest.config_keys
        return listed if configuration.source == "control_plane" else self._standing.config_keys or listed

    async def _on_disk(self, change: Callable[..., None], *given: object) -> str | None:
        """Runs the change in a thread. Returns the kind of fault, after a notice."""
        try:
            await run_sync(partial(change, *given))
        except (OSError, Damaged) as fault:
            why = kind_of(fault) if isinstance(fault, OSError) else "damaged"
            self._on_notice(NotKept(why))
            return why
        return None


def _error_of(problem: Exception) -> ConfigError:
    """The error for operators. The text of an unforeseen exception stays here: it may hold a secret."""
    if isinstance(problem, ConfigurationRejected):
        return problem.error
    return ConfigError("apply_failed", f"apply raised {type(problem).__name__}")
