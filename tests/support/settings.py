"""The settings of a new installation, and changes of settings as an operator makes them, without HTTP."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.internal_admin.callers.identity import Caller
from services.internal_admin.system_settings.domain.change import ChangeSettings, ChangeSettingsOutcome
from services.internal_admin.system_settings.domain.settings import read_setting
from services.internal_admin.system_settings.store import change_settings
from shared.kernel.actor import Actor
from tests.support.database import Database
from tests.support.world import World

ACTOR = Actor("operator", "operator-1")


@dataclass(frozen=True, slots=True)
class Expected:
    """A setting as the command line writes it: its default, and extreme values that the API takes."""

    default: str
    extremes: tuple[str, str]


_THOUSAND_DOMAINS = ",".join(f"{number}.example" for number in range(1000))

EVERY_SETTING: dict[str, Expected] = {
    "session_limit": Expected("0", ("0", "10000")),
    "session_limit_policy": Expected("reject", ("reject", "revoke_oldest")),
    "session_max_age": Expected("365d", ("1m", "3650d")),
    "session_idle_age": Expected("off", ("7d", "365d")),
    "new_device_notice": Expected("unknown_network", ("off", "every_login")),
    "sign_up": Expected("open", ("open", "closed")),
    "require_client_key_proof": Expected("false", ("false", "true")),
    "challenge_retention": Expected("7d", ("25h", "3650d")),
    "known_network_retention": Expected("90d", ("90d", "3650d")),
    "revoked_session_retention": Expected("90d", ("30d", "3650d")),
    "expired_block_retention": Expected("30d", ("1h", "3650d")),
    "blocked_email_domains": Expected("-", ("-", _THOUSAND_DOMAINS)),
    "allowed_email_domains": Expected("-", ("-", _THOUSAND_DOMAINS)),
    "operator_password_min_length": Expected("12", ("12", "128")),
    "audit_retention": Expected("400d", ("30d", "3650d")),
    "published_version_retention": Expected("400d", ("30d", "3650d")),
    "node_join_approval": Expected("off", ("off", "on")),
    "node_key_shared_policy": Expected("report", ("report", "revoke")),
    "secret_versions_kept": Expected("10", ("2", "100")),
    "max_prompt_tokens": Expected("100000", ("1000", "1000000")),
}
"""Written by hand, in the order of the settings. Tests compare Postgres, the API and the command line with it."""


async def set_settings(world: World, expected_version: int | None = None, **values: Any) -> ChangeSettingsOutcome:
    """A trio function that changes these settings. Values are as in JSON."""
    read = {name: read_setting(name, value) for name, value in values.items()}
    command = ChangeSettings(read, expected_version, ACTOR, Caller("operator-1", "192.0.2.7", "request-1"))
    return await world.internal.unit_of_work(change_settings, command)


def let_nodes_tell(database: Database, *, since: timedelta, told: timedelta = timedelta()) -> None:
    """Makes nodes tell of last uses for the time `since`, up to `told` ago."""
    database.execute("truncate last_use_reports")
    database.execute(
        "insert into last_use_reports (since, told_at) values (clock_now() - $1::interval, clock_now() - $2::interval)",
        since,
        told,
    )


async def block_domains(world: World, *domains: str) -> ChangeSettingsOutcome:
    """A trio function that blocks exactly these e-mail domains."""
    return await set_settings(world, blocked_email_domains=list(domains))


DEFAULTS = "truncate settings, settings_changes, domain_revocations; insert into settings default values;"
