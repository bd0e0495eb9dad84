"""A following gateway in its own process. Given a session id, it prints when it first refused that session.

stdin has one id a line. stdout has `active` when the gateway serves the session, then two instants: the first answer
that was not active, which may be `unavailable`, and the first answer `revoked`. They are nanoseconds of the monotonic
clock, which all processes of a Linux machine share.

It asks when it hears an entry of the session, and every 5 ms. Asking every half millisecond used so much of two cores
that the measured time doubled.
"""

import os
import sys
import time

import anyio

from clients.gateway.local_copy import LocalCopy
from clients.gateway.redis_server import RedisServer
from clients.gateway.session_cache import Active, Revoked, SessionCache, open_session_cache
from contracts.gateway import GatewayRecord

EVERY = 0.005


class Ear:
    """Wakes who waits for the next revocation that the cache hears."""

    def __init__(self, copy: LocalCopy) -> None:
        self.heard = anyio.Event()
        self._hear = copy.hear
        copy.hear = self.hear

    def hear(self, record: GatewayRecord) -> None:
        self._hear(record)
        if record.status == "revoked":
            self.heard.set()
            self.heard = anyio.Event()


async def main() -> None:
    server = RedisServer.at(os.environ["BENCH_REDIS"], username="gateway", password=os.environ["BENCH_REDIS_PASSWORD"])
    async with open_session_cache(server) as cache:
        # Only to be woken: the answers of `find` are what is measured.
        ear = Ear(cache._copy)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        await cache.ready()
        _say("ready")
        async for line in anyio.wrap_file(sys.stdin):
            await _follow(cache, ear, line.strip())


async def _follow(cache: SessionCache, ear: Ear, device_session_id: str) -> None:
    while not isinstance(await cache.find(device_session_id), Active):  # noqa: ASYNC110 - as requests would
        await anyio.sleep(EVERY)
    _say("active")
    refused = 0
    while True:
        with anyio.move_on_after(EVERY):
            await ear.heard.wait()
        answer = await cache.find(device_session_id)
        if not isinstance(answer, Active):
            refused = refused or time.monotonic_ns()
        if isinstance(answer, Revoked):
            _say(f"{refused} {time.monotonic_ns()}")
            return


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    anyio.run(main, backend="asyncio")
