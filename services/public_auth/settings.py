"""Settings of the public process, parsed from a given environment; all problems are reported at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.public_auth.domain.budget import Budget, Budgets
from services.public_auth.mail_settings import MailSettings, read_mail_settings
from shared.config import variables
from shared.config.process_settings import ProcessSettings, read_process_settings, read_proxy_protocol
from shared.config.production import check_cors_origins, check_keys, check_production, check_trusted_proxies
from shared.config.settings import Reading
from shared.kernel.address import Address
from shared.kernel.faults import ConfigurationError
from shared.kernel.network import IpNetwork
from shared.kernel.rate import Rate

_PRODUCTION_NEW_ADDRESS_MAIL_LIMIT = Rate(300, timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class PublicAuthSettings:
    """The settings. A rate or a metrics address of None means `off`. Without `cors_origins` CORS is off."""

    process: ProcessSettings
    http_address: Address
    metrics_address: Address | None
    public_host: str | None
    cors_origins: tuple[str, ...]
    trusted_proxies: tuple[IpNetwork, ...]
    expects_proxy_protocol: bool
    send_rate_limit: Rate | None
    confirm_rate_limit: Rate | None
    self_service_rate_limit: Rate | None
    public_rate_limit: Rate | None
    rate_limit_key_prefix: str
    new_address_mail_limit: Rate | None
    mail: MailSettings
    mail_concurrency: int
    budgets: Budgets


def read_settings(environment: Mapping[str, str]) -> PublicAuthSettings:
    """Raises `ConfigurationError` with every problem, each with the variable's name and the cure."""
    reading = Reading(environment)
    process = read_process_settings(reading)
    settings = PublicAuthSettings(
        process=process,
        http_address=reading.required(variables.PUBLIC_HTTP_ADDR),
        metrics_address=reading.optional(variables.PUBLIC_METRICS_ADDR),
        public_host=reading.optional(variables.PUBLIC_HOST),
        cors_origins=reading.optional(variables.CORS_ORIGINS) or (),
        trusted_proxies=reading.required(variables.TRUSTED_PROXIES),
        expects_proxy_protocol=read_proxy_protocol(reading, variables.PUBLIC_PROXY_PROTOCOL),
        send_rate_limit=reading.optional(variables.SEND_RATE_LIMIT),
        confirm_rate_limit=reading.optional(variables.CONFIRM_RATE_LIMIT),
        self_service_rate_limit=reading.optional(variables.SELF_SERVICE_RATE_LIMIT),
        public_rate_limit=reading.optional(variables.PUBLIC_RATE_LIMIT),
        rate_limit_key_prefix=reading.required(variables.RATE_LIMIT_KEY_PREFIX),
        new_address_mail_limit=_new_address_mail_limit(reading, process),
        mail=read_mail_settings(reading, process),
        mail_concurrency=reading.required(variables.MAIL_CONCURRENCY),
        budgets=_budgets(reading),
    )
    check_production(reading, process)
    check_trusted_proxies(reading, process, settings.trusted_proxies)
    check_cors_origins(reading, process, settings.cors_origins)
    check_keys(
        reading,
        process,
        {
            variables.LOGIN_CODE_KEYS.name: process.login_code_keys,
            variables.SEALING_KEYS.name: process.sealing_keys,
        },
    )
    _check_rate_limits(reading, process)
    reading.finish()
    return settings


def _new_address_mail_limit(reading: Reading, process: ProcessSettings) -> Rate | None:
    if reading.is_set(variables.NEW_ADDRESS_MAIL_LIMIT):
        return reading.optional(variables.NEW_ADDRESS_MAIL_LIMIT)
    return _PRODUCTION_NEW_ADDRESS_MAIL_LIMIT if process.is_production else None


def _budgets(reading: Reading) -> Budgets:
    """Refused where a reservation exceeds a budget (SPEC §3.6). The defaults, if there is a problem."""
    given = {
        "mails_an_hour": reading.required(variables.BUDGET_MAILS_PER_HOUR),
        "mails_a_day": reading.required(variables.BUDGET_MAILS_PER_DAY),
        "live_challenges": reading.required(variables.BUDGET_LIVE_CHALLENGES),
        "wrong_codes": reading.required(variables.BUDGET_WRONG_CODES),
    }
    try:
        return Budgets(**{name: Budget(*numbers) for name, numbers in given.items() if numbers})
    except ConfigurationError as error:
        reading.problems += [f"AUTHSESSION_BUDGET_…: {problem}" for problem in error.problems]
        return Budgets()


def _check_rate_limits(reading: Reading, process: ProcessSettings) -> None:
    if not process.is_production:
        return
    for variable in (variables.SEND_RATE_LIMIT, variables.CONFIRM_RATE_LIMIT, variables.SELF_SERVICE_RATE_LIMIT):
        if reading.says(variable, "off"):
            reading.problems.append(f"{variable.name} is off, which production refuses: remove it or set a rate")
