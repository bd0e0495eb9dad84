"""Constructs the transport of the settings."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import assert_never

from services.public_auth.mail.rest import RestTransport
from services.public_auth.mail.smtp import SmtpTransport
from services.public_auth.mail.stub import StubTransport
from services.public_auth.mail.transport import MailTransport
from services.public_auth.mail_settings import FixedMail, RestMail, SmtpMail, StubMail
from shared.io.http_client import open_http_client
from shared.io.smtp import open_smtp


@asynccontextmanager
async def open_transport(settings: FixedMail, *, concurrency: int) -> AsyncGenerator[MailTransport]:
    """Opens the transport, and does not connect: a process starts even while its mail service is down.

    Every `deliver` must have ended before the context ends.
    """
    match settings:
        case StubMail():
            yield StubTransport()
        case RestMail():
            async with open_http_client(settings.base_url, concurrency=concurrency) as client:
                yield RestTransport(client, timeout=settings.timeout)
        case SmtpMail():
            # EHLO names the sender's domain, because every receiver would see the name of this machine.
            async with open_smtp(settings.server, local_name=settings.stationery.sender.domain) as smtp:
                yield SmtpTransport(smtp, settings.stationery, timeout=settings.timeout)
        case _:
            assert_never(settings)
