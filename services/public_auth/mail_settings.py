"""Settings of the mail transport, parsed from a given environment. Constructs no transport."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import urlsplit

from services.public_auth.mail.design import Design, our_design, read_design
from services.public_auth.mail.letters import Stationery
from shared.config import variables
from shared.config.process_settings import ProcessSettings
from shared.config.settings import Reading, Variable
from shared.io.smtp import SmtpServer, Tls
from shared.kernel.address import TcpAddress
from shared.kernel.faults import ConfigurationError
from shared.kernel.mail_sender import MailSender

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StubMail:
    """No mail leaves. Codes stay in Postgres, for the development mailbox."""


@dataclass(frozen=True, slots=True)
class RestMail:
    """A mail service over HTTP. `timeout` bounds one letter."""

    base_url: str
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class SmtpMail:
    """A mail server over SMTP. `timeout` bounds one letter, with the connection."""

    server: SmtpServer = field(repr=False)
    stationery: Stationery = field(repr=False)
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class ConnectionMail:
    """The default mail connection. It brings server and sender; the rest of a letter is as with `smtp`."""

    product: str | None
    host: str | None
    design: Design = field(repr=False)
    smtp_timeout: timedelta
    rest_timeout: timedelta

    @property
    def timeout(self) -> timedelta:
        """The longest time of one letter."""
        return max(self.smtp_timeout, self.rest_timeout)

    def stationery_of(self, address: str) -> Stationery:
        """The stationery of letters from this address."""
        sender = MailSender("", address)
        return Stationery(sender, self.product or sender.domain, self.host, self.design)


FixedMail = StubMail | RestMail | SmtpMail
"""Mail that the environment configures whole."""
MailSettings = FixedMail | ConnectionMail


def read_mail_settings(reading: Reading, process: ProcessSettings) -> MailSettings:
    """Problems stay in `reading`, each with its cure; the value then is of no use."""
    match process.mail_service_mode:
        case "rest":
            return _read_rest(reading, process)
        case "smtp":
            return _read_smtp(reading, process)
        case "connection":
            return ConnectionMail(
                product=reading.optional(variables.MAIL_PRODUCT_NAME),
                host=reading.optional(variables.PUBLIC_HOST),
                design=_read_design(reading),
                smtp_timeout=reading.required(variables.SMTP_TIMEOUT),
                rest_timeout=reading.required(variables.MAIL_SERVICE_REQUEST_TIMEOUT),
            )
        case _:
            return StubMail()


def _read_rest(reading: Reading, process: ProcessSettings) -> RestMail:
    _require(reading, variables.MAIL_SERVICE_BASE_URL, "rest")
    base_url = reading.optional(variables.MAIL_SERVICE_BASE_URL) or ""
    if process.is_production and urlsplit(base_url).scheme == "http":
        reading.warnings.append(
            f"{variables.MAIL_SERVICE_BASE_URL.name} is http, so others on the path can read login codes: write https"
        )
    return RestMail(base_url, reading.required(variables.MAIL_SERVICE_REQUEST_TIMEOUT))


def _read_smtp(reading: Reading, process: ProcessSettings) -> SmtpMail:
    _require(reading, variables.SMTP_ADDR, "smtp")
    _require(reading, variables.SMTP_FROM, "smtp")
    address = reading.optional(variables.SMTP_ADDR) or TcpAddress("", 0)
    server = SmtpServer(
        host=address.host,
        port=address.port,
        tls=cast("Tls", reading.required(variables.SMTP_TLS)),
        username=reading.optional(variables.SMTP_USERNAME),
        password=reading.optional(variables.SMTP_PASSWORD),
    )
    _check_login(reading, server)
    if process.is_production and server.tls == "off":
        reading.problems.append(
            f"{variables.SMTP_TLS.name}=off sends login codes and the password unencrypted, which production refuses: "
            "write starttls or implicit"
        )
    return SmtpMail(server, _read_stationery(reading), reading.required(variables.SMTP_TIMEOUT))


def _read_stationery(reading: Reading) -> Stationery:
    """The stationery. The default name of the product is the sender's display name, else the sender's domain."""
    sender = reading.optional(variables.SMTP_FROM) or MailSender("", "")
    return Stationery(
        sender=sender,
        product=reading.optional(variables.MAIL_PRODUCT_NAME) or sender.display_name or sender.domain,
        host=reading.optional(variables.PUBLIC_HOST),
        design=_read_design(reading),
    )


def _read_design(reading: Reading) -> Design:
    folder = reading.optional(variables.MAIL_TEMPLATES)
    if folder is None:
        return our_design()
    try:
        return read_design(Path(folder))
    except ConfigurationError as error:
        reading.problems += [f"{variables.MAIL_TEMPLATES.name}: {problem}" for problem in error.problems]
        return our_design()


def _require(reading: Reading, variable: Variable[T], mode: str) -> None:
    if not reading.is_set(variable):
        mode_is = f"{variables.MAIL_SERVICE_MODE.name}={mode}"
        reading.problems.append(f"{variable.name} is not set, but {mode_is}. {variable.meaning}")


def _check_login(reading: Reading, server: SmtpServer) -> None:
    username, password = variables.SMTP_USERNAME, variables.SMTP_PASSWORD
    for there, missing in ((username, password), (password, username)):
        if reading.is_set(there) and not reading.is_set(missing):
            reading.problems.append(f"{there.name} is set, but {missing.name} is not: set both or none")
    if not (server.username or "").isprintable() or not (server.password or "").isprintable():
        reading.problems.append(f"{username.name} and {password.name} must hold no control characters")
