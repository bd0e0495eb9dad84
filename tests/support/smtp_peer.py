"""A real SMTP server on loopback (aiosmtpd, in its own thread). It fails on request."""
# ruff: noqa: ARG002 - aiosmtpd passes more to its hooks than these need

import asyncio
import email
import email.policy
import re
import ssl
import threading
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any, Literal, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.integration.io.tls import Certificate
from tests.support.mail_peer import Fault, MailPeer, Received

USERNAME, PASSWORD = "mailer", "password-of-a-mailer-in-tests"
Tls = Literal["starttls", "implicit", "off"]


class SmtpPeer(MailPeer):
    """`messages` are the letters that arrived, as bytes. `logins` are the tries to log in, each with its result."""

    def __init__(self) -> None:
        super().__init__()
        self.port = 0
        self.messages: list[bytes] = []
        self.recipients: list[str] = []
        self.logins: list[bool] = []
        self.at = "RCPT"
        """The command at which faults happen: `MAIL`, `RCPT` or `DATA`."""
        self.drops_inside_content = False
        self.is_silent_at_quit = False
        self.servers: list[_Server] = []

    def parsed(self, index: int = -1) -> EmailMessage:
        """A message as a mail program reads it."""
        return email.message_from_bytes(self.messages[index], policy=email.policy.default)

    def end_connections(self) -> None:
        """Ends every connection, as a server does with those that were idle too long."""
        for server in self.servers:
            if server.transport is not None:
                server.loop.call_soon_threadsafe(server.transport.close)

    # The hooks of aiosmtpd. Each returns the server's answer.

    async def handle_MAIL(  # noqa: N802 - named by aiosmtpd
        self, server: "_Server", session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return await self._met(server, "MAIL", address) or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: "_Server", session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return await self._met(server, "RCPT", address) or "250 OK"

    async def handle_DATA(self, server: "_Server", session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = await self._met(server, "DATA", envelope.rcpt_tos[0])
        if answer is None:
            self._note(cast("bytes", envelope.content), envelope.rcpt_tos[0])
        return answer or "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth_data: Any
    ) -> AuthResult:
        is_right = auth_data == LoginPassword(USERNAME.encode(), PASSWORD.encode())
        self.logins.append(is_right)
        return AuthResult(success=is_right, handled=is_right)

    async def _met(self, server: "_Server", at: str, address: str) -> str | None:
        if at != self.at:
            return None
        match self.fault_for(address):
            case Fault.REFUSE:
                return f"550 5.1.1 <{address}> is nobody here"
            case Fault.DEFER:
                return "451 4.7.1 greylisted, come again"
            case Fault.STALL:
                await asyncio.to_thread(self.released.wait, 60)
                return "451 4.3.0 too late"
            case Fault.DROP:
                server.abort()
                return "451 4.3.0 unheard"
            case None:
                return None

    def _note(self, content: bytes, recipient: str) -> None:
        self.messages.append(content)
        self.recipients.append(recipient)
        message = self.parsed()
        code = re.search(r"[0-9]{6}", message["Subject"])
        assert code is not None
        address = message["To"].addresses[0]
        self.received.append(
            Received(
                f"{address.username}@{address.domain}", code[0], message["Content-Language"], message["Message-ID"]
            )
        )


class _Server(SMTP):
    """Counts connections, and can drop one while a letter's content arrives."""

    peer: SmtpPeer

    def abort(self) -> None:
        """Aborts the connection without an answer."""
        assert isinstance(self.transport, asyncio.WriteTransport)
        self.transport.abort()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - named by aiosmtpd
        if self.peer.drops_inside_content:
            await self.push("354 go on")
            self.abort()
        else:
            await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
        if self.peer.is_silent_at_quit:
            await asyncio.to_thread(self.peer.released.wait, 60)
        await super().smtp_QUIT(arg)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.session is None:  # not the second call, after STARTTLS
            self.peer.connections += 1
            self.peer.servers.append(self)
        super().connection_made(transport)


@contextmanager
def smtp_peer(certificate: Certificate | None = None, *, tls: Tls = "off", login: bool = False) -> Generator[SmtpPeer]:
    """A running server. With `login`, a client may send nothing before it has logged in."""
    peer = SmtpPeer()
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(peer, _context(certificate), tls, login, started)), name="smtp-peer"
    )
    thread.start()
    loop, stop = started.result(20)
    try:
        yield peer
    finally:
        peer.released.set()
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)


def _context(certificate: Certificate | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


async def _serve(
    peer: SmtpPeer,
    context: ssl.SSLContext | None,
    tls: Tls,
    login: bool,
    started: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]",
) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.set_exception_handler(lambda _loop, _context: None)  # aiosmtpd trips over connections that drop

    def server() -> _Server:
        made = _Server(
            peer,
            timeout=60,
            hostname="smtp.example.com",
            tls_context=context if tls == "starttls" else None,
            require_starttls=tls == "starttls",
            authenticator=peer.authenticate if login else None,
            auth_required=login,
            auth_require_tls=tls == "starttls",
            loop=loop,
        )
        made.peer = peer
        return made

    listener = await loop.create_server(server, "127.0.0.1", 0, ssl=context if tls == "implicit" else None)
    peer.port = listener.sockets[0].getsockname()[1]
    started.set_result((loop, stop))
    await stop.wait()
    listener.close()
    for each in peer.servers:
        if each.transport is not None:
            each.abort()
    await asyncio.sleep(0.05)  # so that aborted connections end without a warning of asyncio's
