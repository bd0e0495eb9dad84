"""`authsession doctor` asks mail server, mail service, user service and collector, as a process would ask them.

It sends no mail and changes nothing there.
"""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

import trio

from authsession.finding import Finding
from contracts import user_service
from contracts.node.telemetry import PROTOBUF
from services.internal_admin.node_telemetry.collector import TIMEOUT as COLLECTOR_TIMEOUT
from services.internal_admin.node_telemetry.settings import NodeTelemetrySettings
from services.internal_admin.settings import read_settings as read_internal
from services.public_auth.mail.rest import CODES as DELIVERIES
from services.public_auth.mail_settings import ConnectionMail, MailSettings, RestMail, SmtpMail, StubMail
from services.public_auth.settings import read_settings as read_public
from shared.config import variables
from shared.config.user_service import UserServiceSettings
from shared.io import aio
from shared.io.http_client import Answer, NoAnswer, open_http_client
from shared.io.smtp import mailbox, open_smtp
from shared.kernel.address import TcpAddress
from shared.kernel.faults import ConfigurationError

MAX_TIMEOUT = timedelta(seconds=10)
"""The longest wait for one neighbour; shorter if the process itself would wait less."""
NOBODY = "user-that-does-not-exist"
_SMTP = variables.SMTP_ADDR.name
_SMTP_CURES = {
    "starttls_refused": f"let the server offer STARTTLS, or set {variables.SMTP_TLS.name}",
    "tls_failed": f"set {variables.SMTP_TLS.name}: implicit is usual at port 465, starttls at 587",
    "untrusted_certificate": f"write its certificate's name in {_SMTP}, or add its authority to SSL_CERT_FILE",
    "sender_refused": f"correct {variables.SMTP_FROM.name}, or let the server send for that address",
    "login_refused": f"correct {variables.SMTP_USERNAME.name} and {variables.SMTP_PASSWORD.name}",
    "login_deferred": "wait: the mail server puts log-ins off for now",
}


def neighbours(process: str, environment: Mapping[str, str]) -> list[Finding]:
    """Findings about the neighbours of `public` or `internal`; of both for any other name.

    Only the public process sends mail, and only the internal one has a collector for nodes.
    Empty if the process would refuse its environment: `doctor` reports that elsewhere.
    """
    try:
        if process == "internal":
            settings = read_internal(environment)
            return trio.run(_ask, StubMail(), settings.process.user_service, settings.node_telemetry)
        settings = read_public(environment)
    except ConfigurationError:
        return []
    telemetry = None if process == "public" else _node_telemetry(environment)
    return trio.run(_ask, settings.mail, settings.process.user_service, telemetry)


def _node_telemetry(environment: Mapping[str, str]) -> NodeTelemetrySettings | None:
    try:
        return read_internal(environment).node_telemetry
    except ConfigurationError:
        return None


async def _ask(
    mail: MailSettings, users: UserServiceSettings | None, telemetry: NodeTelemetrySettings | None
) -> list[Finding]:
    async with aio.open_loop():
        found = [
            await _mail(mail),
            None if users is None else await _users(users),
            None if telemetry is None else await _collector(telemetry),
        ]
    return [finding for finding in found if finding is not None]


async def _mail(mail: MailSettings) -> Finding | None:
    match mail:
        case StubMail() | ConnectionMail():
            return None  # the default mail connection is probed by the internal process
        case RestMail():
            return await _mail_service(mail)
        case SmtpMail():
            return await _mail_server(mail)


async def _mail_server(mail: SmtpMail) -> Finding:
    async with open_smtp(mail.server, local_name=mail.stationery.sender.domain) as smtp:
        failure = await smtp.try_out(mailbox(mail.stationery.sender.address), min(mail.timeout, MAX_TIMEOUT))
    if failure is None:
        return Finding("ok", "the mail server accepts letters from us")
    system_error = f" ({failure.system_error})" if failure.system_error else ""
    text = f"mail server {TcpAddress(mail.server.host, mail.server.port)}: {failure.reason}{system_error}"
    return Finding("fail", text, _SMTP_CURES.get(failure.reason, f"start it, or correct {_SMTP}"))


async def _mail_service(mail: RestMail) -> Finding:
    """Asks only whether something answers: the service's one route would send a letter."""
    cure = f"start it, or correct {variables.MAIL_SERVICE_BASE_URL.name}"
    try:
        answer = await _get(mail.base_url, DELIVERIES, mail.timeout)
    except NoAnswer as fault:
        return Finding("fail", f"mail service: {fault.failure}", cure)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Finding("fail", f"mail service: status {answer.status}", cure)
    return Finding("ok", "the mail service answers")


async def _users(users: UserServiceSettings) -> Finding:
    """Asks for a user that does not exist. Any answer in the contract's form is good."""
    cure = f"start it, or correct {variables.USER_SERVICE_BASE_URL.name}"
    try:
        answer = await _get(users.base_url, user_service.user_exists_path(NOBODY), users.timeout)
    except NoAnswer as fault:
        return Finding("fail", f"user service: {fault.failure}", cure)
    if answer.status not in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
        return Finding("fail", f"user service: status {answer.status}", cure)
    if answer.status == HTTPStatus.OK and not _is_of_the_contract(answer):
        return Finding("fail", "user service: its answer breaks the contract", cure)
    return Finding("ok", "the user service answers")


async def _collector(telemetry: NodeTelemetrySettings) -> Finding:
    """Sends an empty request, which OTLP allows."""
    url, headers = variables.NODE_OTLP_ENDPOINT.name, variables.NODE_OTLP_HEADERS.name
    sent = {**telemetry.headers, "content-type": PROTOBUF, "accept": PROTOBUF}
    try:
        async with open_http_client(telemetry.base_url) as client:
            answer = await client.call("POST", "/v1/traces", timeout=COLLECTOR_TIMEOUT, body=b"", headers=sent)
    except NoAnswer as fault:
        return Finding("fail", f"collector of nodes: {fault.failure}", f"start it, or correct {url}")
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Finding("fail", f"collector of nodes: status {answer.status}", f"correct {headers}")
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        return Finding("fail", f"collector of nodes: status {answer.status}", f"correct {url}")
    return Finding("ok", "the collector of nodes takes telemetry")


async def _get(base_url: str, path: str, timeout: timedelta) -> Answer:
    async with open_http_client(base_url) as client:
        return await client.call("GET", path, timeout=min(timeout, MAX_TIMEOUT))


def _is_of_the_contract(answer: Answer) -> bool:
    try:
        user_service.decode_exists(answer.body)
    except user_service.MalformedAnswer:
        return False
    return True
