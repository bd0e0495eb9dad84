"""The change of system settings: the command, the settings it changes, and every way it ends."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeAlias

from contracts.control_plane.system_settings import SessionsToRevoke
from services.internal_admin.callers.identity import Caller
from services.internal_admin.system_settings.domain.settings import SettingValue
from shared.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, read in one snapshot. Each change raises the version by one."""

    version: int
    values: Mapping[str, SettingValue]


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """Change these settings and no others, all or none. With `expected_version` only if that is still the version."""

    values: Mapping[str, SettingValue]
    expected_version: int | None
    actor: Actor
    caller: Caller


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """One entry of the history, its values as text. The changes of one command share a version."""

    changed_at: datetime
    version: int
    name: str
    old_value: str
    new_value: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class SettingsState:
    """The newest entry of the history, and the blocked domains whose sessions are not all revoked yet."""

    last_change: SettingsChange | None
    to_revoke: tuple[SessionsToRevoke, ...]


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """The settings `names` have new values. Every statement that begins from now on uses them."""

    settings: Settings
    names: tuple[str, ...]
    name: ClassVar[str] = "changed"


@dataclass(frozen=True, slots=True)
class SettingsUnchanged:
    """Each setting had the wanted value before."""

    settings: Settings
    names: tuple[str, ...] = ()
    name: ClassVar[str] = "unchanged"


@dataclass(frozen=True, slots=True)
class SettingsConflict:
    """The settings were changed since `expected_version`: nothing was changed."""

    name: ClassVar[str] = "settings_conflict"


@dataclass(frozen=True, slots=True)
class NoNodeReports:
    """`session_idle_age` cannot begin, because no node tells when sessions were used: nothing was changed."""

    name: ClassVar[str] = "no_node_reports"


ChangeSettingsOutcome: TypeAlias = SettingsChanged | SettingsUnchanged | SettingsConflict | NoNodeReports


def changed_names(settings: Settings, wanted: Mapping[str, SettingValue]) -> tuple[str, ...]:
    """The wanted settings that have another value now."""
    return tuple(name for name, value in wanted.items() if settings.values[name] != value)


def begins_idle_age(settings: Settings, wanted: Mapping[str, SettingValue]) -> bool:
    """Whether sessions would end for being unused from now on."""
    return settings.values["session_idle_age"] is None and wanted.get("session_idle_age") is not None


@dataclass(frozen=True, slots=True)
class DomainOrders:
    """Domains whose sessions are to be revoked from now on, and domains for which that ends."""

    begun: tuple[str, ...]
    ended: tuple[str, ...]


def domain_orders(old: Iterable[str], new: Iterable[str]) -> DomainOrders:
    """The orders of a change: domains that become blocked, and domains that are blocked no longer."""
    before, after = set(old), set(new)
    return DomainOrders(tuple(sorted(after - before)), tuple(sorted(before - after)))
