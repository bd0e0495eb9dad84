"""Where users live, as both processes are told (SPEC §8, §12)."""

from dataclasses import dataclass
from datetime import timedelta

from shared.config import variables
from shared.config.settings import Reading


@dataclass(frozen=True, slots=True)
class UserServiceSettings:
    """Mode `rest`: where the user service is, and how long one call of it may take."""

    base_url: str
    timeout: timedelta


def read_user_service(reading: Reading) -> UserServiceSettings | None:
    """None for mode `stub`. A missing address is a problem of `reading`."""
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
