"""A running system with people and strangers, each from their own network address, and with their mails."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from ipaddress import IPv4Address

from bench.clients import Answer
from bench.peers.system import Login, Running, System, Unexpected

MAIL_PATIENCE = 3.0
"""Seconds until a mail that has not come is none."""
AT_ONCE = 8
_FIRST_ADDRESS = IPv4Address("198.18.0.1")  # RFC 2544: for benchmarks


class Scene:
    """Sends and guesses, each from a named or a fresh network address. `mails` has every code, by e-mail."""

    def __init__(self, system: System, running: Running) -> None:
        self.system, self.running = system, running
        self.mails: dict[str, list[str]] = defaultdict(list)
        self._addresses = 0
        self._users = 0

    def take_mail(self, email: str, code: str) -> None:
        self.mails[email].append(code)

    def fresh_address(self) -> str:
        self._addresses += 1
        return str(_FIRST_ADDRESS + self._addresses)

    async def send(self, login: Login, address: str | None = None) -> Answer:
        [client] = self.running.clients(1)
        answer = await self.system.send(client, login, self._from(address))
        client.close()
        return answer

    async def guess(self, login: Login, code: str, address: str | None = None) -> Answer:
        [client] = self.running.clients(1)
        answer = await self.system.confirm(client, login, code, self._from(address))
        client.close()
        return answer

    async def guess_at_once(self, login: Login, codes: Sequence[str]) -> list[Answer]:
        """Each from an address of its own, on a connection of its own."""
        return list(await asyncio.gather(*(self.guess(login, code) for code in codes)))

    async def user(self) -> str:
        """The e-mail of somebody who has logged in once."""
        self._users += 1
        login = Login(f"user-{self._users}@example.com", is_new_user=True)
        code = await self.mailed_code(login)
        if not self.system.is_confirmed(answer := await self.guess(login, code)):
            raise Unexpected(answer.body.decode())
        del self.mails[login.email]
        return login.email

    async def users(self, number: int) -> list[str]:
        """So many of them, some at a time."""
        emails: list[str] = []
        while len(emails) < number:
            emails += await asyncio.gather(*(self.user() for _ in range(min(AT_ONCE, number - len(emails)))))
        return emails

    async def mailed_code(self, login: Login, address: str | None = None) -> str:
        """Ask for a code and wait for it. Raises `Unexpected` if none comes."""
        known = len(self.mails[login.email])
        answer = await self.send(login, address)
        await self.wait_for_mails(login.email, known + 1)
        if len(self.mails[login.email]) == known:
            raise Unexpected(f"no mail came: {answer.body.decode()}")
        return self.mails[login.email][-1]

    async def wait_for_mails(self, email: str, number: int) -> int:
        """How many came, when there are `number` of them or `MAIL_PATIENCE` is over."""
        for _ in range(int(MAIL_PATIENCE / 0.01)):
            if len(self.mails[email]) >= number:
                break
            await asyncio.sleep(0.01)
        return len(self.mails[email])

    def wrong_code(self, email: str) -> str:
        """Like the last one that was mailed, and not one of those that were."""
        mailed = self.mails[email]
        like = mailed[-1] if mailed else "000000"
        endings = "0123456789" if like[-1].isdigit() else "BCDFGHJKLMNPQRSTVWXZ"
        return next(code for ending in endings if (code := like[:-1] + ending) not in mailed)

    def _from(self, address: str | None) -> str:
        return f"x-forwarded-for: {address or self.fresh_address()}"
