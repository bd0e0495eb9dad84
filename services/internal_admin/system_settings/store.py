"""Units of work and statements of the one row of system settings, its history, and the orders that a change places."""

from collections.abc import Mapping
from typing import cast

import asyncpg

from contracts.audit_events import EventName
from services.internal_admin.system_settings.domain.change import (
    ChangeSettings,
    ChangeSettingsOutcome,
    NoNodeReports,
    Settings,
    SettingsChange,
    SettingsChanged,
    SettingsConflict,
    SettingsState,
    SettingsUnchanged,
    begins_idle_age,
    changed_names,
    domain_orders,
)
from services.internal_admin.system_settings.domain.settings import SETTINGS, SettingValue, as_text
from services.internal_admin.system_settings.domains import (
    begin_domain_revocations,
    count_sessions_to_revoke,
    end_domain_revocations,
)
from shared.audit.event import AuditEvent
from shared.audit.store import insert_audit_event, insert_audit_events
from shared.io import queries
from shared.kernel.actor import Actor

_SQL = queries.load("services.internal_admin.system_settings")

_EVENT = EventName.CHANGE_SETTING


async def read_settings(connection: asyncpg.Connection) -> Settings:
    """Every setting, in one snapshot."""
    [row] = await connection.fetch(*_SQL["read_settings"]())
    return _settings(row)


async def change_settings(connection: asyncpg.Connection, command: ChangeSettings) -> ChangeSettingsOutcome:
    """Change row, history, audit rows and orders to revoke in one transaction. A repeat changes nothing.

    It is committed on return: statements that begin later use the new values, in every process. Every outcome is
    audited.
    """
    async with connection.transaction():
        [row] = await connection.fetch(*_SQL["lock_settings"]())
        settings = _settings(row)
        if command.expected_version not in (None, settings.version):
            await insert_audit_event(connection, _event(command, SettingsConflict.name, names=sorted(command.values)))
            return SettingsConflict()
        names = changed_names(settings, command.values)
        if not names:
            await insert_audit_event(connection, _event(command, SettingsUnchanged.name, names=sorted(command.values)))
            return SettingsUnchanged(settings)
        if begins_idle_age(settings, command.values) and not await connection.fetchval(*_SQL["are_last_uses_told"]()):
            await insert_audit_event(connection, _event(command, NoNodeReports.name, names=sorted(command.values)))
            return NoNodeReports()
        return SettingsChanged(await _write(connection, command, settings, names), names)


async def read_state(connection: asyncpg.Connection) -> SettingsState:
    """The last change, and the sessions of blocked domains that are left to revoke."""
    changes = await list_settings_changes(connection, 1)
    return SettingsState(changes[0] if changes else None, await count_sessions_to_revoke(connection))


async def read_settings_and_state(connection: asyncpg.Connection) -> tuple[Settings, SettingsState]:
    """Every setting, the last change, and the sessions that are left to revoke."""
    return await read_settings(connection), await read_state(connection)


async def change_settings_and_read_state(
    connection: asyncpg.Connection, command: ChangeSettings
) -> tuple[ChangeSettingsOutcome, SettingsState]:
    """Change settings as `change_settings` does, and read the state afterwards."""
    return await change_settings(connection, command), await read_state(connection)


async def list_settings_changes(connection: asyncpg.Connection, limit: int) -> list[SettingsChange]:
    """The newest `limit` entries of the history, newest first."""
    rows = await connection.fetch(*_SQL["list_settings_changes"](limit=limit))
    return [
        SettingsChange(
            row["changed_at"],
            row["version"],
            row["name"],
            row["old_value"],
            row["new_value"],
            Actor(row["actor_type"], row["actor_id"]),
        )
        for row in rows
    ]


async def _write(
    connection: asyncpg.Connection, command: ChangeSettings, old: Settings, names: tuple[str, ...]
) -> Settings:
    values = {**old.values, **command.values}
    version = await connection.fetchval(*_SQL["write_settings"](**values))
    new = Settings(version, values)
    changes = [(name, as_text(old.values[name]), as_text(values[name])) for name in names]
    actor = command.actor
    rows = [
        {
            "version": version,
            "name": name,
            "old_value": old_text,
            "new_value": new_text,
            "actor_type": actor.type,
            "actor_id": actor.id,
        }
        for name, old_text, new_text in changes
    ]
    await connection.executemany(*_SQL["write_settings_change"].many(rows))
    events = [
        _event(command, SettingsChanged.name, name=name, old_value=old_text, new_value=new_text, version=version)
        for name, old_text, new_text in changes
    ]
    await insert_audit_events(connection, events)
    await _order_revocations(connection, old.values, values, actor)
    return new


async def _order_revocations(
    connection: asyncpg.Connection, old: Mapping[str, SettingValue], new: Mapping[str, SettingValue], actor: Actor
) -> None:
    """Place and withdraw orders in the transaction of the change.

    So no blocked domain keeps its sessions, and no unblocked one goes on losing them.
    """
    orders = domain_orders(_blocked(old), _blocked(new))
    if orders.ended:
        await end_domain_revocations(connection, orders.ended)
    if orders.begun:
        await begin_domain_revocations(connection, orders.begun, actor)


def _blocked(values: Mapping[str, SettingValue]) -> tuple[str, ...]:
    return cast("tuple[str, ...]", values["blocked_email_domains"])


def _settings(row: asyncpg.Record) -> Settings:
    return Settings(row["version"], {name: _value(row[name]) for name in SETTINGS})


def _value(stored: object) -> SettingValue:
    """The value as the domain has it: the driver makes a list of an array."""
    return cast("SettingValue", tuple(cast("list[str]", stored)) if isinstance(stored, list) else stored)


def _event(command: ChangeSettings, outcome: str, **details: object) -> AuditEvent:
    caller = command.caller
    return AuditEvent(
        event=_EVENT,
        outcome=outcome,
        caller=caller.name,
        actor=command.actor,
        network=caller.network,
        request_id=caller.request_id,
        details=details,
    )
