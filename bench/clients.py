"""A lean load generator: closed-loop clients on raw keep-alive connections, each logging in again and again.

It reads each code from Postgres, as the owner, on connections of its own whose cost is not counted for the service.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import asyncpg

from shared.keyring import KeyRing
from shared.sealing import unseal

_READ_CODE = """
    select l.login_code_id, l.seal_key_id, l.sealed_code
      from challenges c join login_codes l using (login_code_id) where c.challenge_id = $1
"""


class HttpClient:
    """One keep-alive connection; one request at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)

    async def post(self, path: str, body: dict[str, str]) -> tuple[int, dict]:
        """Status and decoded body."""
        payload = json.dumps(body).encode()
        fields = f"host: bench\r\ncontent-type: application/json\r\ncontent-length: {len(payload)}\r\n\r\n"
        self._writer.write(f"POST {path} HTTP/1.1\r\n{fields}".encode() + payload)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n", 1)[0])
        content = await self._reader.readexactly(length)
        if b"connection: close" in answer.lower():  # hypercorn recycles after a thousand requests
            self.close()
            await self.open()
        return int(answer[9:12]), json.loads(content)

    def close(self) -> None:
        self._writer.close()


class CodeReader:
    """The development mailbox's knowledge without its HTTP."""

    def __init__(self, pool: asyncpg.Pool, sealing_keys: KeyRing) -> None:
        self._pool, self._keys = pool, sealing_keys

    async def read(self, challenge_id: str) -> str:
        row = await self._pool.fetchrow(_READ_CODE, challenge_id)
        return unseal(self._keys, row["seal_key_id"], row["sealed_code"], row["login_code_id"].bytes).decode()


@dataclass(slots=True)
class Timings:
    """Seconds, one entry a login."""

    send: list[float] = field(default_factory=list)
    confirm: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def logins(self) -> int:
        return len(self.confirm)


async def log_in(client: HttpClient, codes: CodeReader, email: str, timings: Timings) -> None:
    """One login: send, read the code, confirm. Raises if anything but 200 is answered."""
    started = time.perf_counter()
    status, sent = await client.post("/api/v1/public/auth/send-email-code", {"email": email})
    timings.send.append(time.perf_counter() - started)
    if status != 200:
        raise RuntimeError(f"send: {status} {sent}")
    code = await codes.read(sent["challenge_id"])
    # Any 32 bytes with a small y will do: that a key is on the curve is not checked.
    key = base64.b64encode(bytes.fromhex("01") + sent["challenge_id"].encode()[-26:] + bytes(5)).decode()
    body = {"challenge_id": sent["challenge_id"], "code": code, "client_public_key": key}
    started = time.perf_counter()
    status, confirmed = await client.post("/api/v1/public/auth/confirm-email-code", body)
    timings.confirm.append(time.perf_counter() - started)
    if status != 200:
        raise RuntimeError(f"confirm: {status} {confirmed}")


async def log_in_many(
    address: tuple[str, int], codes: CodeReader, *, logins: int, clients: int, email: Callable[[int], str]
) -> Timings:
    """`logins` logins by `clients` concurrent clients; `email` names the address of the n-th."""
    timings = Timings()
    numbers = iter(range(logins))

    async def run() -> None:
        client = HttpClient(*address)
        await client.open()
        for number in numbers:
            await log_in(client, codes, email(number), timings)
        client.close()

    started = time.perf_counter()
    await asyncio.gather(*(run() for _ in range(clients)))
    timings.elapsed = time.perf_counter() - started
    return timings
