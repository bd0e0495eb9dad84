"""Constructs the transport that the settings ask for."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import assert_never

from services.public_auth.mail.rest import RestTransport
from services.public_auth.mail.smtp import SmtpTransport
from services.public_auth.mail.stub import StubTransport
from services.public_auth.mail.transport import MailTransport
from services.public_auth.mail_settings import MailSettings, RestMail, SmtpMail, StubMail
from shared.io.http_client import open_http_client
from shared.io.smtp import open_smtp


@asynccontextmanager
async def open_transport(settings: MailSettings, *, concurrency: int) -> AsyncGenerator[MailTransport]:
    """Does not connect: a process starts without its mail service. On leaving, every `deliver` must have ended."""
    match settings:
        case StubMail():
            yield StubTransport()
        case RestMail():
            async with open_http_client(settings.base_url, concurrency=concurrency) as client:
                yield RestTransport(client, timeout=settings.timeout)
        case SmtpMail():
            # The sender's domain in EHLO: the name of this machine is nobody's business, and every receiver sees it.
            async with open_smtp(settings.server, local_name=settings.stationery.sender.domain) as smtp:
                yield SmtpTransport(smtp, settings.stationery, timeout=settings.timeout)
        case _:
            assert_never(settings)
