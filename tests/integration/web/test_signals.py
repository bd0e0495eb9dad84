"""SIGTERM: drain, stop accepting, finish, exit 0 (SPEC §13.3)."""

import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from subprocess import PIPE

import pytest
import trio

from tests.integration.web.served import Client
from tests.integration.web.test_http_rules import get


@asynccontextmanager
async def process(delay_seconds: float) -> AsyncGenerator[tuple[trio.Process, int]]:
    command = [sys.executable, "-m", "tests.integration.web.draining_process", str(delay_seconds)]
    async with trio.open_nursery() as nursery:
        started: trio.Process = await nursery.start(partial(trio.run_process, command, stdout=PIPE, check=False))
        assert started.stdout is not None
        with trio.fail_after(20):
            port = int(await started.stdout.receive_some())
        yield started, port
        nursery.cancel_scope.cancel()


async def connected(port: int) -> Client:
    return Client(await trio.open_tcp_stream("127.0.0.1", port))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_then_finishes_what_runs_and_exits_0(number: signal.Signals) -> None:
    async with process(0.6) as (server, port):
        kept = await connected(port)
        await kept.send(get("/readyz"))
        assert (await kept.answer()).status == 200
        server.send_signal(number)
        await trio.sleep(0.2)
        await kept.send(get("/readyz"))
        answer = await kept.answer()
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        late = await connected(port)  # accepting goes on
        await late.send(get("/slow", method="POST"))
        assert (await late.answer()).status == 200  # and what runs when accepting stops is finished
        with trio.fail_after(5):
            assert await server.wait() == 0
        with pytest.raises(OSError, match="all attempts to connect"):
            await connected(port)
        for client in (kept, late):
            await client.stream.aclose()


async def test_a_signal_has_held_requests_answered_before_the_delay_ends() -> None:
    async with process(60) as (server, port):
        held = [await connected(port) for _ in range(3)]
        for client in held:
            await client.send(get("/held?wait=60"))
        await trio.sleep(0.3)
        server.send_signal(signal.SIGTERM)
        for client in held:
            answer = await client.answer()  # within 5 s
            assert (answer.body, answer.headers["connection"]) == (b'{"is_over":true}', "close")
            await client.stream.aclose()
        server.send_signal(signal.SIGTERM)
        assert await server.wait() == 0


async def test_a_second_signal_ends_the_delay() -> None:
    async with process(60) as (server, _):
        server.send_signal(signal.SIGTERM)
        await trio.sleep(0.3)
        server.send_signal(signal.SIGTERM)
        with trio.fail_after(5):
            assert await server.wait() == 0
