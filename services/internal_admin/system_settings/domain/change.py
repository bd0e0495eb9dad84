"""Domain: changing system settings: the command, what it changes, and every way it ends. Pure."""

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
    """Every setting, as it was read at once. Each change raises the version by one."""

    version: int
    values: Mapping[str, SettingValue]


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """Change these settings and no other, all or none; with `expected_version` only if nothing was changed since it."""

    values: Mapping[str, SettingValue]
    expected_version: int | None
    actor: Actor
    caller: Caller


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """One entry of the history; values as text. Changes of one command have one version."""

    changed_at: datetime
    version: int
    name: str
    old_value: str
    new_value: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class SettingsState:
    """Beside the settings themselves: the newest entry of their history, and the domains that are not done yet."""

    last_change: SettingsChange | None
    to_revoke: tuple[SessionsToRevoke, ...]


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """These settings have other values now; in force with every statement that begins from now on."""

    settings: Settings
    names: tuple[str, ...]
    name: ClassVar[str] = "changed"


@dataclass(frozen=True, slots=True)
class SettingsUnchanged:
    """Each had that value already."""

    settings: Settings
    names: tuple[str, ...] = ()
    name: ClassVar[str] = "unchanged"


@dataclass(frozen=True, slots=True)
class SettingsConflict:
    """Somebody else changed settings meanwhile: nothing was changed."""

    name: ClassVar[str] = "settings_conflict"


ChangeSettingsOutcome: TypeAlias = SettingsChanged | SettingsUnchanged | SettingsConflict


def changed_names(settings: Settings, wanted: Mapping[str, SettingValue]) -> tuple[str, ...]:
    """Those of the wanted settings that have another value."""
    return tuple(name for name, value in wanted.items() if settings.values[name] != value)


@dataclass(frozen=True, slots=True)
class DomainOrders:
    """What a change of the blocked domains orders: their sessions revoked, or no longer."""

    begun: tuple[str, ...]
    ended: tuple[str, ...]


def domain_orders(old: Iterable[str], new: Iterable[str]) -> DomainOrders:
    """Those blocked by the change, and those that are not any more."""
    before, after = set(old), set(new)
    return DomainOrders(tuple(sorted(after - before)), tuple(sorted(before - after)))
