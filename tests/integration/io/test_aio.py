"""Laws of the crossing into asyncio."""

import asyncio
import contextvars
import logging
from collections.abc import AsyncGenerator

import pytest
import trio

from shared.io import aio, prompt_loop

SECRET = "pilot@example.com"


@pytest.fixture(params=["prompt loop", "stock loop of an untested trio-asyncio"])
async def asyncio_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[None]:
    if request.param != "prompt loop":
        monkeypatch.setattr(prompt_loop, "TESTED_VERSIONS", frozenset[str]())
    async with aio.open_loop():
        yield


async def sleep_and_answer() -> str:
    await asyncio.sleep(0.05)
    return "answer"


async def test_a_result_is_never_lost_to_cancellation(asyncio_loop: None) -> None:
    result = None
    with trio.move_on_after(0.01) as scope:
        result = await aio.call(sleep_and_answer)
        await trio.lowlevel.checkpoint()
        pytest.fail("cancellation comes at the next checkpoint")
    assert scope.cancelled_caught
    assert result == "answer"


async def test_an_exception_crosses_as_it_is(asyncio_loop: None) -> None:
    error = KeyError("of asyncio")

    async def fail() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        await aio.call(fail)
    assert caught.value is error


async def test_context_variables_cross(asyncio_loop: None) -> None:
    variable = contextvars.ContextVar[str]("variable")
    variable.set("of trio")

    async def read() -> str:
        return variable.get()

    assert await aio.call(read) == "of trio"


async def test_a_background_failure_of_a_driver_is_logged_by_kind_and_ends_nothing(
    asyncio_loop: None, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ConnectionResetError(SECRET)

    async def leave_a_failure_behind() -> None:
        asyncio.get_running_loop().call_soon(fail)

    await aio.call(leave_a_failure_behind)
    assert await aio.call(sleep_and_answer) == "answer"
    ours = [vars(record).get("fault") for record in caplog.records if record.levelno == logging.ERROR]
    assert ours == ["ConnectionResetError"]
    assert SECRET not in caplog.text


async def test_an_untested_version_of_trio_asyncio_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(prompt_loop, "TESTED_VERSIONS", frozenset[str]())
    async with aio.open_loop():
        pass
    assert [record.getMessage() for record in caplog.records] == [
        "untested version of trio-asyncio: its stock event loop serves"
    ]


def test_the_locked_version_of_trio_asyncio_is_a_tested_one() -> None:
    assert prompt_loop.is_supported()
