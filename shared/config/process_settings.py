"""Settings that both processes have: Postgres, Redis, keys, names in Redis, timeouts."""

from dataclasses import dataclass, field
from datetime import timedelta

from contracts.gateway import GatewayKeys
from shared.config import variables
from shared.config.egress import EgressSettings, read_egress
from shared.config.settings import Reading, Variable
from shared.config.user_service import UserServiceSettings, read_user_service
from shared.kernel.keyring import KeyRing


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """The parameters of `shared.io.redis.open_redis`."""

    address: str
    username: str | None
    password: str | None = field(repr=False)
    db: int
    tls: bool


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """The settings of both processes. A process logs each of `warnings` once when it starts."""

    is_production: bool
    mail_service_mode: str
    user_service: UserServiceSettings | None
    egress: EgressSettings
    postgres_dsn: str = field(repr=False)
    postgres_direct_dsn: str | None = field(repr=False)
    postgres_pool_size: int
    redis: RedisSettings
    login_code_keys: KeyRing = field(repr=False)
    sealing_keys: KeyRing = field(repr=False)
    gateway_keys: GatewayKeys
    gateway_stream_maxlen: int
    keep_alive_timeout: timedelta
    drain_delay: timedelta
    shutdown_timeout: timedelta
    warnings: list[str]


def read_process_settings(reading: Reading) -> ProcessSettings:
    """Read the settings, and check the environment for misspelled names. Problems and warnings are in `reading`."""
    reading.check_names(variables.VARIABLES)
    postgres_dsn = reading.required(variables.POSTGRES_DSN)
    postgres_direct_dsn = reading.optional(variables.POSTGRES_DIRECT_DSN)
    return ProcessSettings(
        is_production=reading.required(variables.ENV) == "production",
        mail_service_mode=reading.required(variables.MAIL_SERVICE_MODE),
        user_service=read_user_service(reading),
        egress=read_egress(reading, (postgres_dsn, postgres_direct_dsn)),
        postgres_dsn=postgres_dsn,
        postgres_direct_dsn=postgres_direct_dsn,
        postgres_pool_size=reading.required(variables.POSTGRES_POOL_SIZE),
        redis=RedisSettings(
            address=reading.required(variables.REDIS_ADDR),
            username=reading.optional(variables.REDIS_USERNAME),
            password=reading.optional(variables.REDIS_PASSWORD),
            db=reading.required(variables.REDIS_DB),
            tls=reading.required(variables.REDIS_TLS),
        ),
        login_code_keys=reading.required(variables.LOGIN_CODE_KEYS),
        sealing_keys=reading.required(variables.SEALING_KEYS),
        gateway_keys=GatewayKeys(
            reading.required(variables.GATEWAY_KEY_PREFIX), reading.required(variables.GATEWAY_STREAM)
        ),
        gateway_stream_maxlen=reading.required(variables.GATEWAY_STREAM_MAXLEN),
        keep_alive_timeout=reading.required(variables.KEEP_ALIVE_TIMEOUT),
        drain_delay=reading.required(variables.DRAIN_DELAY),
        shutdown_timeout=reading.required(variables.SHUTDOWN_TIMEOUT),
        warnings=reading.warnings,
    )


def read_proxy_protocol(reading: Reading, variable: Variable[bool]) -> bool:
    """Whether the listener of `variable` expects the PROXY protocol. It is a problem to expect it without a proxy."""
    is_on = reading.required(variable)
    if is_on and not reading.optional(variables.TRUSTED_PROXIES):
        reading.problems.append(
            f"{variable.name} is on while no proxy is trusted, so every connection would be refused: "
            f"write the balancer's network in {variables.TRUSTED_PROXIES.name}"
        )
    return is_on
