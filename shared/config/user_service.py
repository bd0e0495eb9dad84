"""Settings of the user service (SPEC §8, §12)."""

from dataclasses import dataclass
from datetime import timedelta

from shared.config import variables
from shared.config.settings import Reading


@dataclass(frozen=True, slots=True)
class UserServiceSettings:
    """The settings of mode `rest`: URL of the user service, and maximum duration of one call."""

    base_url: str
    timeout: timedelta


def read_user_service(reading: Reading) -> UserServiceSettings | None:
    """The settings, or None for mode `stub`. A missing URL is a problem of `reading`."""
    mode = reading.required(variables.USER_SERVICE_MODE)
    base_url = reading.optional(variables.USER_SERVICE_BASE_URL)
    timeout = reading.required(variables.USER_SERVICE_REQUEST_TIMEOUT)
    if mode != "rest":
        return None
    if base_url is None:
        if not reading.is_set(variables.USER_SERVICE_BASE_URL):
            reading.problems.append(
                f"{variables.USER_SERVICE_BASE_URL.name} is not set: {variables.USER_SERVICE_MODE.name}=rest needs the "
                "URL of the user service"
            )
        return None
    return UserServiceSettings(base_url, timeout)
