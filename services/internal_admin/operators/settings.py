"""Settings of the control plane: keys, lives of sessions, lockout, and options that are for development only."""

from dataclasses import dataclass, field
from datetime import timedelta

from services.internal_admin.operator_sessions.domain import SessionLives
from shared.config import variables
from shared.config.settings import Reading
from shared.kernel.keyring import KeyRing


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """`auth_mode` is `operator`, `development` or `open`. `break_glass_token` is None if there is none."""

    auth_mode: str
    break_glass_token: str | None = field(repr=False)
    allows_loopback_bootstrap: bool
    allows_insecure_cookies: bool
    session_lives: SessionLives
    login_max_failures: int
    login_lockout: timedelta
    cookie_keys: KeyRing = field(repr=False)
    audit_keys: KeyRing = field(repr=False)
    rate_limit_key_prefix: str


def read_operator_settings(reading: Reading, *, is_production: bool) -> OperatorSettings:
    """The settings. Problems and warnings go to `reading`: production refuses options for development (SPEC §10.9)."""
    settings = OperatorSettings(
        auth_mode=reading.required(variables.CONTROL_PLANE_AUTH_MODE),
        break_glass_token=reading.optional(variables.CONTROL_PLANE_API_TOKEN),
        allows_loopback_bootstrap=reading.required(variables.ALLOW_LOOPBACK_BOOTSTRAP),
        allows_insecure_cookies=reading.required(variables.CONTROL_PLANE_ALLOW_INSECURE_COOKIES),
        session_lives=SessionLives(reading.required(variables.CONTROL_PLANE_OPERATOR_SESSION_TTL_SECONDS)),
        login_max_failures=reading.required(variables.CONTROL_PLANE_OPERATOR_LOGIN_MAX_FAILURES),
        login_lockout=reading.required(variables.CONTROL_PLANE_OPERATOR_LOGIN_LOCKOUT_SECONDS),
        cookie_keys=reading.required(variables.COOKIE_KEYS),
        audit_keys=reading.required(variables.AUDIT_KEYS),
        rate_limit_key_prefix="control-plane:" + reading.required(variables.RATE_LIMIT_KEY_PREFIX),
    )
    weaknesses = _weaknesses(settings)
    if is_production:
        reading.problems.extend(f"{name}, which production refuses: {cure}" for name, cure in weaknesses)
    else:
        reading.warnings.extend(f"{name}: {cure} before production" for name, cure in weaknesses)
    return settings


def _weaknesses(settings: OperatorSettings) -> list[tuple[str, str]]:
    """The options that are fit for development only, each with its cure."""
    mode = settings.auth_mode
    found = (
        (mode in ("development", "open"),
         f"{variables.CONTROL_PLANE_AUTH_MODE.name}={mode} admits callers without credentials", "write operator"),
        (settings.allows_loopback_bootstrap,
         f"{variables.ALLOW_LOOPBACK_BOOTSTRAP.name} lets every process of this machine claim the first owner",
         "remove it"),
        (settings.allows_insecure_cookies,
         f"{variables.CONTROL_PLANE_ALLOW_INSECURE_COOKIES.name} sends session cookies in plain text", "remove it"),
    )  # fmt: skip
    return [(name, cure) for is_weak, name, cure in found if is_weak]
