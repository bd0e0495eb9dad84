"""A lean load generator: closed-loop clients on raw keep-alive connections, each logging in again and again.

It reads each code from Postgres, as the owner, on connections of its own whose cost is not counted for the service.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import unseal

_READ_CODE = """
    select l.login_code_id, l.seal_key_id, l.sealed_code
      from challenges c join login_codes l using (login_code_id) where c.challenge_id = $1
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `head` is the status line and the fields, unchanged."""

    status: int
    head: bytes = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    def value(self, name: str) -> str | None:
        """Of a field, by its name in any case."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name.lower().encode():
                return value.strip().decode()
        return None


class HttpClient:
    """One keep-alive connection, opened again when the server closed it; one request at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._connection: _Connection | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        _, self._connection = await loop.create_connection(_Connection, self._host, self._port)

    async def exchange(self, path: str, body: Mapping[str, Any], *fields: str) -> Answer:
        """Of a POST with JSON; `fields` are lines like `x-session-token: …`. Raises `ConnectionError`."""
        payload = json.dumps(body).encode()
        described = ("content-type: application/json", f"content-length: {len(payload)}")
        return await self._exchange(f"POST {path} HTTP/1.1", "host: 127.0.0.1", *described, *fields, payload=payload)

    async def send(self, first_line: str, *fields: str, payload: bytes = b"") -> Answer:
        """Any request, with `host`. Raises `ConnectionError`."""
        return await self._exchange(first_line, "host: 127.0.0.1", *fields, payload=payload)

    async def get(self, path: str) -> Answer:
        """Raises `ConnectionError`."""
        return await self._exchange(f"GET {path} HTTP/1.1", "host: 127.0.0.1")

    async def _exchange(self, *lines: str, payload: bytes = b"") -> Answer:
        if self._connection is None or self._connection.is_closed:
            await self.open()
        assert self._connection is not None
        return await self._connection.exchange("\r\n".join((*lines, "\r\n")).encode() + payload)

    async def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and decoded body."""
        answer = await self.exchange(path, body)
        return answer.status, answer.json

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class _Connection(asyncio.Protocol):
    """Streams of asyncio would cost the generator more than the service spends on some requests."""

    def __init__(self) -> None:
        self.is_closed = False
        self._received = b""
        self._answered: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def exchange(self, request: bytes) -> asyncio.Future[Answer]:
        self._received = b""
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._received += data
        answer = _complete(self._received)
        if answer is None or self._answered is None:
            return
        if b"connection: close" in answer.head.lower():
            self.close()
        if not self._answered.done():
            self._answered.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionResetError("closed without an answer"))

    def close(self) -> None:
        self.is_closed = True
        self._transport.close()


def _complete(received: bytes) -> Answer | None:
    """The answer, once all of it is there (RFC 9112: `Content-Length` or chunks)."""
    head, blank, rest = received.partition(b"\r\n\r\n")
    if not blank:
        return None
    fields = head.lower()
    if b"transfer-encoding: chunked" in fields:
        body = _joined_chunks(rest) if rest.endswith(b"0\r\n\r\n") else None
    else:
        length = int(fields.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        body = rest if len(rest) >= length else None
    return None if body is None else Answer(int(head[9:12]), head, body)


def _joined_chunks(rest: bytes) -> bytes:
    chunks: list[bytes] = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        chunks.append(rest[:length])
        rest = rest[length + 2 :]
    return b"".join(chunks)


class CodeReader:
    """The development mailbox's knowledge without its HTTP."""

    def __init__(self, pool: asyncpg.Pool, sealing_keys: KeyRing) -> None:
        self._pool, self._keys = pool, sealing_keys

    async def read(self, challenge_id: str) -> str:
        row = await self._pool.fetchrow(_READ_CODE, challenge_id)
        assert row is not None, "every challenge has its code here"
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
