"""Evidence from each system: the number of guesses that it compared with a code, and its way to block people."""

from collections.abc import Sequence
from typing import Any, Protocol

import asyncpg

from bench.clients import Answer
from bench.peers.system import Login
from bench.send_time import Addresses
from shared.kernel.keyring import KeyRing
from tests.support.stack import LOGIN_CODE_KEYS

_BLOCK = """
    insert into authsession.blocks (email_id, reason_code, actor_type, created_at)
    select email_id, 'bench', 'system', now() from authsession.emails where folded = any ($1)
"""
_DEACTIVATE = "update auth_user set is_active = false where email = any ($1)"


class Evidence(Protocol):
    """Of one system."""

    codes_have_owners: bool
    """A guess needs something that only the asker of the code got."""
    source: str
    """Of `compared`, in words for the page."""

    async def compared(self, dsn: str, login: Login, answers: Sequence[Answer]) -> int:
        """How many guesses were compared with the login's code; `answers` are all that were given to them."""
        ...

    async def block(self, dsn: str, emails: Sequence[str]) -> bool:
        """Block these people; False where nobody can be blocked without a further plugin."""
        ...

    async def throttled(self, dsn: str, number: int) -> list[str]:
        """E-mails past their limit of mails; none where a send past it is told so (probe e)."""
        ...


class OfAuthsession:
    codes_have_owners = True
    source = "its database (it answers alike whether a guess is compared or not)"

    async def compared(self, dsn: str, login: Login, answers: Sequence[Answer]) -> int:
        del answers
        sql = "select evaluated from authsession.challenges where challenge_id = $1"
        return int(await _value(dsn, sql, login.handle) or 0)

    async def block(self, dsn: str, emails: Sequence[str]) -> bool:
        await _value(dsn, _BLOCK, list(emails))
        return True

    async def throttled(self, dsn: str, number: int) -> list[str]:
        async with asyncpg.create_pool(dsn, ssl=False, server_settings={"search_path": "authsession"}) as pool:
            addresses = Addresses(pool, KeyRing.parse("bench", LOGIN_CODE_KEYS))
            return (await addresses.throttled("throttled"))[:number]


class OfBetterAuth:
    codes_have_owners = False
    source = "its database (`INVALID_OTP` is also its answer when there is no code)"
    _ALLOWED = 3

    async def compared(self, dsn: str, login: Login, answers: Sequence[Answer]) -> int:
        """The row counts its attempts, and goes with the last one."""
        value = await _value(dsn, "select value from verification where identifier = $1", f"sign-in-otp-{login.email}")
        if value is not None:
            return int(value.rpartition(":")[2])
        return min(self._ALLOWED, sum(b"INVALID_OTP" in answer.body for answer in answers))

    async def block(self, dsn: str, emails: Sequence[str]) -> bool:
        del dsn, emails
        return False

    async def throttled(self, dsn: str, number: int) -> list[str]:
        del dsn, number
        return []


class OfDjangoAllauth:
    codes_have_owners = True
    source = "its answers (`incorrect_code`)"

    async def compared(self, dsn: str, login: Login, answers: Sequence[Answer]) -> int:
        del dsn, login
        return sum(b"incorrect_code" in answer.body for answer in answers)

    async def block(self, dsn: str, emails: Sequence[str]) -> bool:
        await _value(dsn, _DEACTIVATE, list(emails))
        return True

    async def throttled(self, dsn: str, number: int) -> list[str]:
        del dsn, number
        return []


async def _value(dsn: str, sql: str, argument: object) -> Any:
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        return await connection.fetchval(sql, argument)
    finally:
        await connection.close()
