"""Flow: read the system settings."""

import asyncpg

from services.internal_admin.system_settings.domain.change import (
    ChangeSettings,
    ChangeSettingsOutcome,
    Settings,
    SettingsChanged,
    SettingsState,
)
from services.internal_admin.system_settings.store import change_settings, read_settings, read_state
from shared.io.postgres import Postgres
from shared.lifecycle.supervision import Signal


async def read_system_settings(postgres: Postgres) -> tuple[Settings, SettingsState]:
    """Every setting, and what there is to know besides."""

    async def body(connection: asyncpg.Connection) -> tuple[Settings, SettingsState]:
        return await read_settings(connection), await read_state(connection)

    return await postgres.unit_of_work(body)


async def change_system_settings(
    command: ChangeSettings, postgres: Postgres, changed: Signal
) -> tuple[ChangeSettingsOutcome, SettingsState]:
    """Change all or none; in force on return, for what begins from then on in any process. A repeat changes nothing.

    `changed` wakes who revokes the sessions of blocked domains. Raises `DependencyUnavailable("postgres")`: the change
    may then have happened.
    """

    async def body(connection: asyncpg.Connection) -> tuple[ChangeSettingsOutcome, SettingsState]:
        return await change_settings(connection, command), await read_state(connection)

    outcome, state = await postgres.unit_of_work(body)
    if isinstance(outcome, SettingsChanged):
        changed.notify()
    return outcome, state
