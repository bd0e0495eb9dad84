"""The transport by the default mail connection, which operators change while mails are on their way (SPEC §18.5).

Letters that are under way end on the connection that they began with. Without a usable connection mails wait. Each
server came in over the API, so every connection is opened by the egress room.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final, TypeAlias
from uuid import UUID

import trio

from services.public_auth.mail.metrics import show_connection
from services.public_auth.mail.rest import body_of, headers_of, outcome_of, path_of
from services.public_auth.mail.smtp import SmtpTransport
from services.public_auth.mail.transport import (
    MALFORMED_ANSWER,
    AnyLetter,
    DeliveryOutcome,
    MailTransport,
    Undelivered,
)
from services.public_auth.mail_settings import ConnectionMail
from services.public_auth.store.mail_connection import StoredConnection
from shared.io.egress import Egress, EgressAnswer
from shared.io.mail_server import smtp_server
from shared.io.smtp import Smtp, SmtpServer
from shared.kernel.keyring import KeyRing
from shared.kernel.mail_connection import MailConnection, unseal_mail_connection
from shared.kernel.sealing import Unsealable

LOOK_AGAIN: Final = timedelta(seconds=1)
"""The longest time after which a change is seen without a letter: a claim sees it at once."""
Problem: TypeAlias = str
"""Why there is no usable connection, in a word of ours."""
NO_DEFAULT: Final = "no_mail_connection"
UNREADABLE: Final = "mail_connection_unreadable"
UNFIT: Final = "mail_connection_unfit"

_log = logging.getLogger("authsession.mail.connection")

Read: TypeAlias = Callable[[], Awaitable[StoredConnection]]
"""Reads the stored connection. Raises `DependencyUnavailable("postgres")`."""


@dataclass(slots=True)
class _Line:
    """A connection that letters use, or the problem of one. The last letter of a line that was replaced ends it."""

    change_id: UUID
    carries: MailTransport | Problem
    ended: trio.Event = field(default_factory=trio.Event)
    letters: int = 0
    is_replaced: bool = False

    def replace(self) -> None:
        self.is_replaced = True
        self._end_if_done()

    def release(self) -> None:
        self.letters -= 1
        self._end_if_done()

    def _end_if_done(self) -> None:
        if self.is_replaced and self.letters == 0:
            self.ended.set()


class ConnectionTransport:
    """Carries each letter by the connection that its claim saw, or a newer one. Made by `open_connection_transport`."""

    def __init__(
        self, read: Read, settings: ConnectionMail, *, keys: KeyRing, egress: Egress, lines: trio.Nursery
    ) -> None:
        """`lines` holds the connections that are open, until their last letter."""
        self._read = read
        self._settings = settings
        self._keys = keys
        self._egress = egress
        self._lines = lines
        self._line: _Line | None = None
        self._looking = trio.Lock()
        self._looked_at = float("-inf")
        self.timeout = settings.timeout

    async def far_end(self) -> UUID | None:
        """The identity of the present connection; None if none is usable. Raises `DependencyUnavailable`."""
        if self._line is None or trio.current_time() - self._looked_at >= LOOK_AGAIN.total_seconds():
            await self._look()
        line = self._line
        return None if line is None or isinstance(line.carries, str) else line.change_id

    async def problem(self) -> Problem | None:
        """Why mails wait now; None if they need not. Raises `DependencyUnavailable`."""
        await self.far_end()
        line = self._line
        return line.carries if line is not None and isinstance(line.carries, str) else None

    async def deliver(self, letter: AnyLetter, timeout: timedelta) -> DeliveryOutcome:
        """One try by the present connection. A letter waits if there is none. Raises `DependencyUnavailable`."""
        end = trio.current_time() + timeout.total_seconds()
        if self._line is None or self._line.change_id != letter.mail_change_id:
            await self._look()
        line = self._line
        if line is None or isinstance(line.carries, str):
            return Undelivered(NO_DEFAULT if line is None else str(line.carries))
        line.letters += 1
        try:
            left = timedelta(seconds=max(end - trio.current_time(), 0.0))
            return _kept(await line.carries.deliver(letter, min(left, line.carries.timeout)))
        finally:
            line.release()

    def close(self) -> None:
        """End the present line. Every `deliver` must have ended."""
        if self._line is not None:
            self._line.replace()

    async def _look(self) -> None:
        asked_at = trio.current_time()
        async with self._looking:
            if self._looked_at > asked_at:  # another letter looked meanwhile
                return
            begin = trio.current_time()
            stored = await self._read()
            self._looked_at = begin
            if self._line is None or self._line.change_id != stored.change_id:
                await self._change_to(stored)

    async def _change_to(self, stored: StoredConnection) -> None:
        line, before = await self._opened(stored), self._line
        self._line = line
        if before is not None:
            before.replace()
        is_usable = not isinstance(line.carries, str)
        show_connection(is_usable=is_usable)
        about = {"connection_id": stored.place.connection_id, "revision": stored.place.revision} if stored.place else {}
        if is_usable:
            _log.info("mails leave by this connection from now on", extra=about)
        else:
            _log.error("mails wait until there is a usable mail connection", extra={**about, "reason": line.carries})

    async def _opened(self, stored: StoredConnection) -> _Line:
        """A line of the stored connection. Nothing is connected yet."""
        if stored.place is None:
            return _Line(stored.change_id, NO_DEFAULT)
        try:
            mail = unseal_mail_connection(self._keys, stored.place, stored.key_id, stored.sealed)
        except Unsealable:
            return _Line(stored.change_id, UNREADABLE)
        line = _Line(stored.change_id, UNFIT)
        match mail.kind:
            case "smtp":
                line.carries = await self._by_smtp(mail, line) or UNFIT
            case "mail_rest":
                line.carries = _ByEgress(
                    self._egress,
                    str(mail.settings["base_url"]).rstrip("/"),
                    mail.secrets.get("bearer"),
                    timeout=self._settings.rest_timeout,
                )
            case _:
                pass
        return line

    async def _by_smtp(self, mail: MailConnection, line: _Line) -> SmtpTransport | None:
        server = smtp_server(mail.settings, mail.secrets)
        if server is None:
            return None
        stationery = self._settings.stationery_of(str(mail.settings["from"]))
        held = partial(self._hold, server, stationery.sender.domain, line.ended)
        smtp: Smtp = await self._lines.start(held)
        return SmtpTransport(smtp, stationery, timeout=self._settings.smtp_timeout)

    async def _hold(
        self,
        server: SmtpServer,
        local_name: str,
        ended: trio.Event,
        *,
        task_status: trio.TaskStatus[Smtp] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        async with self._egress.open_smtp(server, local_name=local_name) as smtp:
            task_status.started(smtp)
            await ended.wait()


class _ByEgress:
    """A mail service that came in over the API. It has the contract of `rest`, and a bearer token if there is one."""

    def __init__(self, egress: Egress, base_url: str, bearer: str | None, *, timeout: timedelta) -> None:
        self._egress = egress
        self._base_url = base_url
        self._credentials: Mapping[str, str] = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        self.timeout = timeout

    async def deliver(self, letter: AnyLetter, timeout: timedelta) -> DeliveryOutcome:
        url = self._base_url + path_of(letter)
        headers = {**headers_of(letter), "content-type": "application/json", **self._credentials}
        answer = await self._egress.call("POST", url, timeout=timeout, headers=headers, body=body_of(letter))
        if isinstance(answer, EgressAnswer):
            return outcome_of(answer.status, answer.body)
        return Undelivered(MALFORMED_ANSWER if answer.result == "protocol_error" else answer.result)


def _kept(outcome: DeliveryOutcome) -> DeliveryOutcome:
    """A refusal of the sender is about the connection, which an operator can change: the letter waits for that."""
    if isinstance(outcome, Undelivered) and outcome.reason == "sender_refused":
        return replace(outcome, permanent=False)
    return outcome


@asynccontextmanager
async def open_connection_transport(
    read: Read, settings: ConnectionMail, *, keys: KeyRing, egress: Egress
) -> AsyncGenerator[ConnectionTransport]:
    """Reads nothing yet: a process starts while Postgres is down. Every `deliver` must have ended before the end."""
    async with trio.open_nursery() as lines:
        transport = ConnectionTransport(read, settings, keys=keys, egress=egress, lines=lines)
        try:
            yield transport
        finally:
            transport.close()
