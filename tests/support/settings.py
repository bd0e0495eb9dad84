"""Changes of system settings as an operator makes them, in the internal service's unit of work, without HTTP."""

from typing import Any

from services.internal_admin.callers.identity import Caller
from services.internal_admin.system_settings.domain.change import ChangeSettings, ChangeSettingsOutcome
from services.internal_admin.system_settings.domain.settings import read_setting
from services.internal_admin.system_settings.store import change_settings
from shared.kernel.actor import Actor
from tests.support.world import World

ACTOR = Actor("operator", "operator-1")


async def set_settings(world: World, expected_version: int | None = None, **values: Any) -> ChangeSettingsOutcome:
    """A trio function that changes these settings. Values are as in JSON."""
    read = {name: read_setting(name, value) for name, value in values.items()}
    command = ChangeSettings(read, expected_version, ACTOR, Caller("operator-1", "192.0.2.7", "request-1"))
    return await world.internal.unit_of_work(change_settings, command)


async def block_domains(world: World, *domains: str) -> ChangeSettingsOutcome:
    """A trio function that blocks exactly these e-mail domains."""
    return await set_settings(world, blocked_email_domains=list(domains))


DEFAULTS = "truncate settings, settings_changes, domain_revocations; insert into settings default values;"
