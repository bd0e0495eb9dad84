"""Flow: read the system settings."""

import asyncpg

from services.internal_admin.system_settings.domain.change import Settings, SettingsState
from services.internal_admin.system_settings.store import read_settings, read_state
from shared.io.postgres import Postgres


async def read_system_settings(postgres: Postgres) -> tuple[Settings, SettingsState]:
    """Every setting, and what there is to know besides."""

    async def body(connection: asyncpg.Connection) -> tuple[Settings, SettingsState]:
        return await read_settings(connection), await read_state(connection)

    return await postgres.unit_of_work(body)
