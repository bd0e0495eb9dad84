"""Laws of the loop: what asyncio promises to a driver, and that neither a callback nor a timer waits for others."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import sniffio
import trio
import trio.testing
import trio_asyncio

from shared.io import aio
from shared.io.prompt_loop import MAX_CALLBACKS, PromptLoop


@asynccontextmanager
async def open_prompt_loop() -> AsyncGenerator[PromptLoop]:
    async with aio.open_loop():
        yield cast(PromptLoop, trio_asyncio.current_loop.get())


async def test_a_coroutine_has_begun_before_any_other_task_runs() -> None:
    order: list[str] = []

    async def in_asyncio() -> None:
        order.append("begun")
        await asyncio.sleep(0)
        order.append("ended")

    async def other() -> None:
        order.append("other")

    async with open_prompt_loop(), trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await aio.call(in_asyncio)

    assert order == ["begun", "ended", "other"]


async def test_callbacks_run_in_the_order_in_which_they_were_made() -> None:
    order: list[int] = []
    async with open_prompt_loop() as loop:

        async def make() -> None:
            for number in range(3):
                loop.call_soon(order.append, number)
            await asyncio.sleep(0)
            loop.call_soon(order.append, 3)

        loop.call_soon(order.append, -1)
        await aio.call(make)
        loop.call_soon(order.append, 4)
        await trio.testing.wait_all_tasks_blocked()

    assert order == [-1, 0, 1, 2, 3, 4]


async def test_callbacks_without_end_starve_nobody() -> None:
    async with open_prompt_loop() as loop:
        runs = 0
        ended = trio.Event()

        def again() -> None:
            nonlocal runs
            runs += 1
            if not ended.is_set():
                loop.call_soon(again)

        loop.call_soon(again)
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        ended.set()

    assert MAX_CALLBACKS <= runs <= 11 * MAX_CALLBACKS


async def test_timers_without_end_starve_nobody() -> None:
    async with open_prompt_loop() as loop:
        ended = trio.Event()
        runs = 0

        def again() -> None:
            nonlocal runs
            runs += 1
            if not ended.is_set() and runs < 10_000:
                loop.call_later(0, again)

        loop.call_later(0, again)
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        ended.set()

    assert 1 <= runs <= 100


async def test_timers_ring_in_their_order_and_cancelled_ones_never(autojump_clock: trio.testing.MockClock) -> None:
    rung: list[tuple[str, float]] = []
    async with open_prompt_loop() as loop:
        start = loop.time()

        def ring(name: str) -> None:
            rung.append((name, round(loop.time() - start, 3)))

        loop.call_later(3, ring, "late")
        cancelled = loop.call_later(1, ring, "cancelled")
        loop.call_later(2, ring, "early")
        cancelled.cancel()
        await trio.sleep(4)

    assert rung == [("early", 2.0), ("late", 3.0)]


async def test_cancelled_timers_are_forgotten(autojump_clock: trio.testing.MockClock) -> None:
    async with open_prompt_loop() as loop:
        for _ in range(1000):
            loop.call_later(5, print).cancel()
        loop.call_later(6, print).cancel()
        loop.call_later(0.1, lambda: None)
        await trio.sleep(1)
        assert len(loop._timers) == 0


async def test_a_socket_wakes_its_waiter_and_a_closed_one_is_quiet() -> None:
    async with open_prompt_loop() as loop:
        ours, theirs = socket.socketpair()

        async def hear() -> list[bytes]:
            reader, writer = await asyncio.open_connection(sock=ours)
            writer.write(b"hello")
            heard = [await reader.readexactly(1), await reader.readexactly(3)]
            writer.close()
            await writer.wait_closed()
            return heard

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_say, theirs, b"x", b"yes")
            assert await aio.call(hear) == [b"x", b"yes"]
        assert theirs.recv(10) == b"hello"
        assert theirs.recv(10) == b""
        theirs.close()
        del loop


async def _say(end: socket.socket, *words: bytes) -> None:
    for word in words:
        await trio.sleep(0.01)
        end.send(word)


async def test_a_failure_of_a_callback_is_told_and_the_next_one_runs() -> None:
    told: list[BaseException] = []
    ran = trio.Event()

    def fail() -> None:
        raise ZeroDivisionError

    async with open_prompt_loop() as loop:
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        loop.call_soon(fail)
        loop.call_soon(ran.set)
        await ran.wait()

    assert list(map(type, told)) == [ZeroDivisionError]


async def test_a_failure_of_a_coroutine_reaches_its_caller() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async with open_prompt_loop():
        with pytest.raises(ZeroDivisionError):
            await aio.call(fail)


async def test_inside_it_is_asyncio_and_outside_trio() -> None:
    async def library() -> str:
        await asyncio.sleep(0)
        return sniffio.current_async_library()

    async with open_prompt_loop():
        assert (await aio.call(library), sniffio.current_async_library()) == ("asyncio", "trio")


async def test_callbacks_due_when_the_loop_ends_have_run_by_then() -> None:
    ran: list[int] = []
    async with open_prompt_loop() as loop:
        for number in range(3 * MAX_CALLBACKS):
            loop.call_soon(ran.append, number)

    assert len(ran) == 3 * MAX_CALLBACKS


async def test_a_loop_that_is_cancelled_ends(autojump_clock: trio.testing.MockClock) -> None:
    with trio.move_on_after(1) as scope:
        async with open_prompt_loop() as loop:
            loop.call_later(0.5, loop.call_soon, print)
            await trio.sleep_forever()

    assert scope.cancelled_caught


async def test_a_loop_that_has_ended_takes_nothing_more() -> None:
    begun: list[int] = []

    async def begin() -> None:
        begun.append(1)
        await asyncio.Event().wait()

    async with open_prompt_loop() as loop:
        pass

    with trio.fail_after(5), pytest.raises(RuntimeError, match="closed"):
        await loop.run_promptly(begin())
    for _ in range(2):
        with pytest.raises(RuntimeError, match="closed"):
            loop.call_soon(print)
    assert begun == []
