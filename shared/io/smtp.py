"""SMTP submission (RFC 6409, RFC 5321) for trio, with connections that are kept. Each carries one mail at a time.

A mail crosses into asyncio once, shielded, and ends by its own timeouts. A server's answer is reduced to one word,
because its text may quote addresses.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, TypeVar

import aiosmtplib
import aiosmtplib.smtp
import trio
from aiosmtplib.protocol import SMTPProtocol

from shared.io import aio

T = TypeVar("T")
ArgumentT = TypeVar("ArgumentT")
Tls = Literal["starttls", "implicit", "off"]

MAX_IDLE = timedelta(seconds=60)
"""Maximum age of an idle connection. Servers should wait at least five minutes for a command (RFC 5321 §4.5.3.2.7)."""
PAUSE = timedelta(seconds=1)
"""The time after a failed connection in which no new one is tried, so that a server that refuses us is not flooded."""
_QUIT_SECONDS = 1.0
_MAX_REPLY_LINES = 100
_MALFORMED = "malformed_answer"
"""The reason for an answer that is not SMTP."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The mail server. Without `username` we do not log in. The certificate is always verified."""

    host: str
    port: int
    tls: Tls
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A mail. `sender` and `recipient` are mailboxes in ASCII (RFC 5321 §4.1.2); `content` is the whole message."""

    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took responsibility for the mail (RFC 5321 §6.1)."""


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """The mail was not accepted. `reason` is our own word. Only a refusal of this mail itself (5yz) is `permanent`."""

    reason: str
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed test. `reason` is our own word. `system_error` is the system's text, such as `Connection refused`."""

    reason: str
    system_error: str = ""


class NotDialled(Exception):
    """A `Dial` opened no connection. `reason` is our own word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


Dial = Callable[[], Awaitable[trio.SocketStream]]
"""Opens a connection to the server, without TLS and within its caller's time. Raises `NotDialled`."""

_Dialled = socket.socket | NotDialled | None
"""The result of a `Dial`; None if there was none yet."""


class Smtp:
    """Sends mails through one server, over any number of connections at once. Made by `open_smtp`."""

    def __init__(
        self, server: SmtpServer, *, local_name: str, dial: Dial | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        """`local_name` is our name in EHLO. Raises `OSError` if the system's certificates cannot be read."""
        self._server = server
        self._dial = dial
        self._local_name = local_name
        self._tls_context = tls or ssl.create_default_context()
        self._unusable: tuple[float, str] | None = None  # end of the pause after a failed connection, and the reason
        self._kept: list[tuple[float, _Connection]] = []  # with the begin of idleness; the one used last is used next

    async def send(self, envelope: Envelope, timeout: timedelta) -> Accepted | NotAccepted:
        """Send a mail within `timeout`, including connecting. Cancellation takes effect only before or after.

        If the connection or the time ends between the mail's last byte and the answer, the server may have accepted the
        mail. A repeat is safe but may deliver it twice.
        """
        return await self._call(self._send, envelope, timeout)

    async def try_out(self, sender: str, timeout: timedelta) -> "Failure | None":
        """Connect, encrypt, log in, name `sender`, reset and quit, within `timeout`. None if `sender` may send."""
        return await self._call(self._try_out, sender, timeout)

    async def _call(
        self,
        function: Callable[[ArgumentT, float, _Dialled], Coroutine[Any, Any, T]],
        argument: ArgumentT,
        timeout: timedelta,
    ) -> T:
        """Cross into asyncio, and again with an opened connection if `_dial` has to open one."""
        end = trio.current_time() + timeout.total_seconds()
        try:
            return await aio.call(function, argument, timeout.total_seconds(), None)
        except _MustDial as wanted:
            dialled = await self._dialled(wanted.dial, end)
        try:
            return await aio.call(function, argument, max(end - trio.current_time(), 0.0), dialled)
        except BaseException:
            if isinstance(dialled, socket.socket):
                dialled.close()
            raise

    async def _dialled(self, dial: Dial, end: float) -> _Dialled:
        with trio.move_on_at(end):
            try:
                stream = await dial()
            except NotDialled as fault:
                return fault
            plain = socket.socket(fileno=stream.socket.detach())
            plain.settimeout(0)
            return plain
        return NotDialled("timeout")

    # From here on: asyncio.

    async def _send(self, envelope: Envelope, seconds: float, dialled: _Dialled) -> Accepted | NotAccepted:
        try:
            async with asyncio.timeout(seconds):
                return await self._sent(envelope, dialled)
        except _ConnectionUnusable as fault:
            return NotAccepted(fault.reason)
        except _EndedWhileIdle:
            return NotAccepted("connection_lost")
        except TimeoutError:
            return NotAccepted("timeout")

    async def _try_out(self, sender: str, seconds: float, dialled: _Dialled) -> "Failure | None":
        try:
            async with asyncio.timeout(seconds):
                return await self._try_sender(await self._connected(dialled), sender)
        except _EndedWhileIdle:
            return Failure("connection_lost")
        except _ConnectionUnusable as fault:
            return Failure(fault.reason, fault.system_error)
        except TimeoutError:
            return Failure("timeout")

    async def _try_sender(self, connection: "_Connection", sender: str) -> "Failure | None":
        try:
            code = await _begin(connection, sender)
            if code == aiosmtplib.SMTPStatus.completed and await _is_reset(connection):
                await _say_goodbye(connection)
        except (aiosmtplib.SMTPException, OSError) as fault:
            return Failure(_reason(fault, "connection_lost"))
        finally:
            connection.close()
        return None if code == aiosmtplib.SMTPStatus.completed else Failure(_refused("sender", code).reason)

    async def _sent(self, envelope: Envelope, dialled: _Dialled) -> Accepted | NotAccepted:
        """Send on a kept connection if one still works. A server's end of an idle one shows at the first command."""
        while dialled is None and (connection := self._kept_connection()) is not None:
            try:
                return await self._carry(connection, envelope)
            except _EndedWhileIdle:
                continue
        return await self._carry(await self._connected(dialled), envelope)

    async def _carry(self, connection: "_Connection", envelope: Envelope) -> Accepted | NotAccepted:
        """Run a mail transaction (RFC 5321 §3.3). Keep the connection only if it is surely ready for the next one."""
        is_ready = False
        try:
            refusal = await _transaction(connection, envelope)
            is_ready = refusal is None or (refusal.reason != _MALFORMED and await _is_reset(connection))
            return refusal or Accepted()
        except (aiosmtplib.SMTPException, OSError) as fault:
            return NotAccepted(_reason(fault, "connection_lost"))
        finally:
            if is_ready and connection.is_connected:
                self._keep(connection)
            else:
                connection.close()

    def _keep(self, connection: "_Connection") -> None:
        self._kept.append((asyncio.get_running_loop().time(), connection))

    def _kept_connection(self) -> "_Connection | None":
        oldest = asyncio.get_running_loop().time() - MAX_IDLE.total_seconds()
        while self._kept:
            since, connection = self._kept.pop()
            if connection.is_connected and since > oldest:
                return connection
            connection.close()
        return None

    async def _connected(self, dialled: _Dialled) -> "_Connection":
        """A connection that may submit. Raises `_ConnectionUnusable`, which says nothing about the mail."""
        clock = asyncio.get_running_loop().time
        if dialled is None and self._unusable and clock() < self._unusable[0]:
            raise _ConnectionUnusable(self._unusable[1])
        if dialled is None and self._dial is not None:
            raise _MustDial(self._dial)
        try:
            return await self._connect(dialled)
        except _ConnectionUnusable as fault:
            self._unusable = (clock() + PAUSE.total_seconds(), fault.reason)
            raise

    async def _connect(self, dialled: _Dialled) -> "_Connection":
        if isinstance(dialled, NotDialled):
            raise _ConnectionUnusable(dialled.reason)
        connection = _Connection(
            hostname=self._server.host,
            port=self._server.port if dialled is None else None,
            sock=dialled,
            local_hostname=self._local_name,
            timeout=None,  # `_send` and `_try_out` limit the whole call
            use_tls=self._server.tls == "implicit",
            start_tls=False,
            tls_context=self._tls_context,
        )
        try:
            await self._prepare(connection)
        except BaseException:
            connection.close()
            if dialled is not None:
                dialled.close()
            raise
        return connection

    async def _prepare(self, connection: "_Connection") -> None:
        step = "unreachable"
        try:
            await connection.connect()
            if self._server.tls == "starttls":
                step = "starttls_refused"
                await connection.starttls()
            if self._server.username is not None:
                step = "login"
                await connection.login(self._server.username, self._server.password or "")
        except (aiosmtplib.SMTPException, OSError) as fault:
            otherwise = _login_failure(fault) if step == "login" else step
            raise _ConnectionUnusable(_reason(fault, otherwise), _system_error(fault)) from None

    async def close(self) -> None:
        """Send QUIT on every kept connection, and wait a second at most."""
        kept, self._kept = self._kept, []
        await asyncio.gather(*(_say_goodbye(connection) for _, connection in kept))


@asynccontextmanager
async def open_smtp(
    server: SmtpServer, *, local_name: str, dial: Dial | None = None, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Smtp]:
    """Does not connect, so that a process starts without its mail server. At the end every `send` must have ended.

    With `dial` it opens each connection; the server's name is then used for its certificate alone. `tls` are the
    authorities, which take a while to load; without it the system's are.
    """
    smtp = Smtp(server, local_name=local_name, dial=dial, tls=tls)
    try:
        yield smtp
    finally:
        with trio.CancelScope(shield=True):
            await aio.call(smtp.close)


def mailbox(address: str) -> str:
    """A WHATWG-valid address in the form of RFC 5321 §4.1.2. A local part that is no dot-string is quoted."""
    local_part, _, domain = address.rpartition("@")
    is_dot_string = not local_part.startswith(".") and not local_part.endswith(".") and ".." not in local_part
    return address if is_dot_string else f'"{local_part}"@{domain}'


class _Protocol(SMTPProtocol):
    """Limits the lines of a reply. aiosmtplib only limits its bytes, and reads all lines again with each new one."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waiter = self._response_waiter
        if waiter is not None and not waiter.done() and self._buffer.count(b"\n") > _MAX_REPLY_LINES:
            self._buffer.clear()
            fault = aiosmtplib.SMTPResponseException(aiosmtplib.SMTPStatus.invalid_response, "too many lines")
            self._set_response_exception(waiter, fault)


aiosmtplib.smtp.SMTPProtocol = _Protocol  # pyright: ignore[reportPrivateImportUsage]
"""aiosmtplib has no parameter for the protocol class."""


class _Connection(aiosmtplib.SMTP):
    """Closes at once. aiosmtplib would wait half a minute for a server that does not end its side of the TLS."""

    def close(self) -> None:
        transport = self.transport
        super().close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


async def _say_goodbye(connection: _Connection) -> None:
    try:
        async with asyncio.timeout(_QUIT_SECONDS):
            await connection.quit()
    except (aiosmtplib.SMTPException, OSError):  # TimeoutError is one
        connection.close()


class _MustDial(Exception):
    """A new connection is needed, and `dial` opens it on the side of trio."""

    def __init__(self, dial: Dial) -> None:
        super().__init__()
        self.dial = dial


class _ConnectionUnusable(Exception):
    """No connection that may submit could be opened. It says nothing about the mail."""

    def __init__(self, reason: str, system_error: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.system_error = system_error


class _EndedWhileIdle(Exception):
    """The server ended the connection before it knew of this mail."""


async def _transaction(connection: _Connection, envelope: Envelope) -> NotAccepted | None:
    """Send the mail; None if it was accepted. Raises `_EndedWhileIdle`, and aiosmtplib's faults of the connection."""
    code = await _begin(connection, envelope.sender)
    if code != aiosmtplib.SMTPStatus.completed:
        return _refused("sender", code)
    code = await _command(connection, b"RCPT", f"TO:<{envelope.recipient}>")
    if code not in (aiosmtplib.SMTPStatus.completed, aiosmtplib.SMTPStatus.will_forward):
        return _refused("recipient", code)
    try:
        await connection.data(envelope.content)
    except aiosmtplib.SMTPDataError as refusal:
        return _refused("content", refusal.code)
    return None


async def _begin(connection: _Connection, sender: str) -> int:
    try:
        code = await _command(connection, b"MAIL", f"FROM:<{sender}>")
    except (aiosmtplib.SMTPServerDisconnected, ConnectionError):
        raise _EndedWhileIdle from None
    if code == aiosmtplib.SMTPStatus.domain_unavailable:  # 421: the service closes the connection
        raise _EndedWhileIdle
    return code


async def _command(connection: _Connection, verb: bytes, argument: str) -> int:
    if connection.is_ehlo_or_helo_needed:
        await connection.ehlo()
    return (await connection.execute_command(verb, argument.encode("ascii"))).code


async def _is_reset(connection: _Connection) -> bool:
    try:
        return (await connection.execute_command(b"RSET")).code == aiosmtplib.SMTPStatus.completed
    except (aiosmtplib.SMTPException, OSError):
        return False


def _refused(step: str, code: int) -> NotAccepted:
    """The refusal of a step. Only 5yz is permanent (RFC 5321 §4.2.1)."""
    if 500 <= code <= 599:
        return NotAccepted(f"{step}_refused", permanent=True)
    if not 200 <= code <= 499:
        return NotAccepted(_MALFORMED)
    return NotAccepted(f"{step}_deferred")


def _system_error(fault: Exception) -> str:
    """The system's text for the fault or its cause, or an empty text. Never the text of a server."""
    for each in (fault, fault.__cause__):
        if isinstance(each, OSError) and each.errno is not None and not isinstance(each, ssl.SSLError):
            return os.strerror(each.errno) if each.errno > 0 else (each.strerror or "")
    return ""


def _login_failure(fault: Exception) -> str:
    """Only a refusal for good says that name or password are wrong. 4yz is the server's own trouble (RFC 4954 §6)."""
    if isinstance(fault, aiosmtplib.SMTPServerDisconnected):
        return "connection_lost"
    if isinstance(fault, aiosmtplib.SMTPHeloError):
        return "unreachable"
    is_deferred = isinstance(fault, aiosmtplib.SMTPResponseException) and 400 <= fault.code <= 499
    return "login_deferred" if is_deferred else "login_refused"


def _reason(fault: Exception, otherwise: str) -> str:
    """Our own word for the fault. Its cause counts too, because aiosmtplib wraps the exceptions of a TLS handshake."""
    for each in (fault, fault.__cause__):
        if isinstance(each, ssl.SSLCertVerificationError):
            return "untrusted_certificate"
        if isinstance(each, ssl.SSLError):
            return "tls_failed"
    if isinstance(fault, aiosmtplib.SMTPResponseException) and fault.code == aiosmtplib.SMTPStatus.invalid_response:
        return _MALFORMED
    return "timeout" if isinstance(fault, TimeoutError) else otherwise
