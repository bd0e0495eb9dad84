"""How mail leaves, from the environment: each problem with its name and its cure, and never a secret."""

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.public_auth.mail_settings import RestMail, StubMail
from services.public_auth.settings import read_settings
from shared.io.smtp import SmtpServer
from shared.kernel.faults import ConfigurationError
from shared.kernel.mail_sender import MailSender

SECRET = "S3cretWord"
KEYS = "k1:" + base64.b64encode(b"x" * 32).decode()
LEAST = {
    "POSTGRES_DSN": f"postgresql://user:{SECRET}@127.0.0.1:5432/authsession?sslmode=verify-full&sslrootcert=system",
    "LOGIN_CODE_KEYS": KEYS,
    "SEALING_KEYS": "k1:" + base64.b64encode(b"s" * 32).decode(),
}
SMTP = {"MAIL_SERVICE_MODE": "smtp", "SMTP_ADDR": "mail.example.com:587", "SMTP_FROM": "login@example.com"}
LOGIN = {"SMTP_USERNAME": "mailer", "SMTP_PASSWORD": SECRET}
REST = {"MAIL_SERVICE_MODE": "rest", "MAIL_SERVICE_BASE_URL": "http://127.0.0.1:8092/"}


def read(**changes: str) -> Any:
    return read_settings({f"AUTHSESSION_{name}": value for name, value in {**LEAST, **changes}.items()})


def problems(**changes: str) -> list[str]:
    try:
        read(**changes)
    except ConfigurationError as error:
        return [problem.removeprefix("AUTHSESSION_") for problem in error.problems]
    return []


def test_mail_is_a_mailbox_for_development_unless_said_otherwise() -> None:
    assert (read().mail, read().mail_concurrency) == (StubMail(), 20)


def test_mail_by_smtp_is_encrypted_unless_asked_for_otherwise() -> None:
    mail = read(**SMTP).mail
    assert mail.server == SmtpServer("mail.example.com", 587, "starttls")
    assert (mail.stationery.sender, mail.timeout) == (MailSender("", "login@example.com"), timedelta(seconds=10))
    assert read(**SMTP, SMTP_TLS="off").mail.server.tls == "off"


def test_the_password_of_the_mail_server_is_shown_nowhere_and_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(SECRET + "\n")
    for settings in (read(**SMTP, **LOGIN), read(**SMTP, SMTP_USERNAME="mailer", SMTP_PASSWORD_FILE=str(file))):
        assert settings.mail.server.password == SECRET
        assert SECRET not in repr(settings) + repr(settings.mail) + repr(settings.mail.server)


def test_mail_by_a_service_has_the_seeds_timeout() -> None:
    assert read(**REST).mail == RestMail("http://127.0.0.1:8092", timedelta(seconds=1))


@pytest.mark.parametrize(
    ("changes", "begins"),
    [
        ({"MAIL_SERVICE_MODE": "rest"}, ["MAIL_SERVICE_BASE_URL is not set"]),
        ({"MAIL_SERVICE_MODE": "smtp"}, ["SMTP_ADDR is not set", "SMTP_FROM is not set"]),
        ({**SMTP, "SMTP_USERNAME": "mailer"}, ["SMTP_USERNAME is set, but AUTHSESSION_SMTP_PASSWORD is not"]),
        ({**SMTP, "SMTP_PASSWORD": SECRET}, ["SMTP_PASSWORD is set, but AUTHSESSION_SMTP_USERNAME is not"]),
        ({**SMTP, **LOGIN, "SMTP_USERNAME": "a\nb"}, ["SMTP_USERNAME and AUTHSESSION_SMTP_PASSWORD must"]),
        ({**SMTP, "SMTP_ADDR": "unix:/run/smtp"}, ["SMTP_ADDR must be host:port"]),
        ({**SMTP, "SMTP_ADDR": "mail.example.com"}, ["SMTP_ADDR must be host:port"]),
        ({**SMTP, "SMTP_FROM": "nobody"}, ["SMTP_FROM must be one address"]),
        ({**SMTP, "MAIL_PRODUCT_NAME": "A\r\nBcc: x@y.example"}, ["MAIL_PRODUCT_NAME must be a name of 1 to 64"]),
        ({**SMTP, "MAIL_PRODUCT_NAME": "x" * 65}, ["MAIL_PRODUCT_NAME must be a name of 1 to 64"]),
        ({**SMTP, "MAIL_TEMPLATES": "/nowhere"}, ["MAIL_TEMPLATES: the folder cannot be read: No such file"]),
        ({**SMTP, "SMTP_TLS": "on"}, ["SMTP_TLS must be starttls or implicit or off"]),
        ({**SMTP, "SMTP_TIMEOUT": "2m"}, ["SMTP_TIMEOUT must be a duration of at most 1m"]),
        ({**REST, "MAIL_SERVICE_REQUEST_TIMEOUT": "0"}, ["MAIL_SERVICE_REQUEST_TIMEOUT must be a duration above"]),
        ({"MAIL_CONCURRENCY": "1"}, ["MAIL_CONCURRENCY must be a whole number"]),
        ({**REST, "MAIL_SERVICE_BASE_URL": f"http://user:{SECRET}@h"}, ["MAIL_SERVICE_BASE_URL must be an http"]),
        ({**REST, "MAIL_SERVICE_BASE_URL": "mail.example.com"}, ["MAIL_SERVICE_BASE_URL must be an http"]),
        ({**REST, "MAIL_SERVICE_BASE_URL": "http://h/?a=b"}, ["MAIL_SERVICE_BASE_URL must be an http"]),
        ({**REST, "MAIL_SERVICE_BASE_URL": "http://[h"}, ["MAIL_SERVICE_BASE_URL must be"]),
        ({**SMTP, "SMTP_TLS": "off", "ENV": "production"}, ["SMTP_TLS=off sends login codes"]),
    ],
)
def test_a_wrong_way_for_mail_is_refused_at_boot(changes: dict[str, str], begins: list[str]) -> None:
    found = problems(**changes)
    assert [problem.startswith(begin) for problem, begin in zip(found, begins, strict=True)] == [True] * len(begins)
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("changes", "product"),
    [
        ({}, "example.com"),
        ({"SMTP_FROM": "Acme <login@example.com>"}, "Acme"),
        ({"SMTP_FROM": "Acme <login@example.com>", "MAIL_PRODUCT_NAME": " Bücher & Söhne "}, "Bücher & Söhne"),
    ],
)
def test_letters_name_the_product_or_who_signs_them(changes: dict[str, str], product: str) -> None:
    assert read(**SMTP | changes).mail.stationery.product == product


def test_letters_are_bound_to_the_host_of_the_public_api_if_it_is_known() -> None:
    assert read(**SMTP).mail.stationery.host is None
    assert read(**SMTP, PUBLIC_HOST="Auth.Example.com").mail.stationery.host == "auth.example.com"


def test_every_mistake_in_a_folder_of_letters_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("no code here")
    (tmp_path / "en.toml").write_text('subject = "{{code}} {{nmae}}"\nheading = ""')
    found = problems(**SMTP, MAIL_TEMPLATES=str(tmp_path))
    assert [problem.partition("; ")[0] for problem in found] == [
        "MAIL_TEMPLATES: letter.txt lacks the placeholder {{code}}",
        "MAIL_TEMPLATES: en.toml: subject has the unknown placeholder {{nmae}}",
        "MAIL_TEMPLATES: en.toml: heading must be a text in quotation marks that is not empty",
    ]


@pytest.mark.parametrize("mode", [SMTP, {**SMTP, "SMTP_TLS": "implicit"}, {**SMTP, **LOGIN}, REST])
def test_production_takes_mail_that_really_leaves(mode: dict[str, str]) -> None:
    assert problems(**mode, ENV="production") == []


def test_production_warns_of_codes_that_travel_unencrypted() -> None:
    warnings = read(**REST, ENV="production").process.warnings
    assert [warning for warning in warnings if "MAIL_SERVICE_BASE_URL is http" in warning]
