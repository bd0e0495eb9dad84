"""Reads the configuration of both services before either starts, and collects all problems (SPEC §12)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from services.internal_admin.settings import InternalAdminSettings
from services.internal_admin.settings import read_settings as read_internal
from services.public_auth.settings import PublicAuthSettings
from services.public_auth.settings import read_settings as read_public
from shared.kernel.faults import ConfigurationError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings of both processes, read from one environment."""

    public: PublicAuthSettings
    internal: InternalAdminSettings


def read_configuration(environment: Mapping[str, str]) -> Configuration:
    """Raises `ConfigurationError` with the problems of both services; a problem of both is listed once."""
    problems: list[str] = []
    public = _read(read_public, environment, problems)
    internal = _read(read_internal, environment, problems)
    if public is None or internal is None:
        raise ConfigurationError(list(dict.fromkeys(problems)))
    return Configuration(public, internal)


def warnings_of(process: str, environment: Mapping[str, str]) -> list[str]:
    """The warnings of `public` or `internal`; of both for any other name. Raises `ConfigurationError`."""
    match process:
        case "public":
            found = read_public(environment).process.warnings
        case "internal":
            found = read_internal(environment).process.warnings
        case _:
            both = read_configuration(environment)
            found = [*both.public.process.warnings, *both.internal.process.warnings]
    return list(dict.fromkeys(found))


def _read(read: Callable[[Mapping[str, str]], T], environment: Mapping[str, str], problems: list[str]) -> T | None:
    try:
        return read(environment)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None
