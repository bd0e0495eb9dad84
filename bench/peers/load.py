"""The load: a number of clients, each with one request under way at any time.

A client never waits for a mail: it confirms a login whose code has come, else it begins another login. So the time of
a login is the time of its two requests; the time of the mail is measured separately. The same code loads all three
systems.
"""

import asyncio
import time
from collections import deque

from bench.clients import Answer, HttpClient
from bench.peers.mail_sink import MailSink
from bench.peers.people import People
from bench.peers.system import Login, Logins, Running, Unexpected

MOST_WAITING = 256
"""Logins whose mail is on its way; a system that falls behind with its mails gets no more sends."""
LAST_MAIL = 15.0
"""Seconds until a mail that has not come counts as lost."""


class Load:
    """`finished` has the logins that ended, in order, for as long as the load ran."""

    def __init__(self, system: Logins, running: Running, sink: MailSink, people: People) -> None:
        self._system, self._running, self._sink, self._people = system, running, sink, people
        self._waiting: dict[str, Login] = {}
        self._ready: deque[Login] = deque()
        self._progress = asyncio.Event()
        self._is_ending = False
        self.finished: list[Login] = []

    async def run(self, clients: int, seconds: float) -> None:
        """Load for so long, then let what began end. Raises `Unexpected`, and `TimeoutError` for a lost mail."""
        self._is_ending = False
        loop = asyncio.get_running_loop()
        ending = loop.call_later(seconds, self._end)
        try:
            async with self._sink.telling(self._take_mail), asyncio.TaskGroup() as tasks:
                for client in self._running.clients(clients):
                    tasks.create_task(self._work(client))
        finally:
            ending.cancel()

    def _end(self) -> None:
        self._is_ending = True
        self._progress.set()

    async def _work(self, client: HttpClient) -> None:
        while True:
            if self._ready:
                await self._confirm(client, self._ready.popleft())
            elif (login := self._begun()) is not None:
                await self._send(client, login)
            elif self._is_ending and not self._waiting:
                break
            else:
                self._progress.clear()
                await asyncio.wait_for(self._progress.wait(), LAST_MAIL)
        client.close()

    def _begun(self) -> Login | None:
        if self._is_ending or len(self._waiting) >= MOST_WAITING:
            return None
        email = self._people.next()
        if email is None:
            return None
        login = self._waiting[email] = Login(email, self._people.are_new)
        return login

    async def _send(self, client: HttpClient, login: Login) -> None:
        login.began = time.perf_counter()
        answer = await self._system.send(client, login)
        login.send = time.perf_counter() - login.began
        _check(self._system.is_sent(answer), answer)
        login.is_sent = True
        self._settle(login)

    def _take_mail(self, email: str, code: str) -> None:
        login = self._waiting.get(email)
        if login is None or login.code is not None:
            return
        login.code, login.mailed_after = code, time.perf_counter() - login.began
        self._settle(login)

    def _settle(self, login: Login) -> None:
        if login.is_sent and login.code is not None:
            del self._waiting[login.email]
            self._ready.append(login)
            self._progress.set()

    async def _confirm(self, client: HttpClient, login: Login) -> None:
        began = time.perf_counter()
        answer = await self._system.confirm(client, login, login.code or "")
        login.confirm = time.perf_counter() - began
        _check(self._system.is_confirmed(answer), answer)
        self.finished.append(login)
        self._people.give_back(login.email)
        self._progress.set()


def _check(is_good: bool, answer: Answer) -> None:  # noqa: FBT001 - reads as a sentence
    if not is_good:
        raise Unexpected(f"{answer.head.decode()}\n{answer.body.decode()}")
