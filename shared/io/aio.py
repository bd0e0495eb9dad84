"""The bridge from trio to asyncio. Only this module knows asyncio's loop; everything else is trio.

Drivers for asyncio must not see a trio cancellation. asyncpg, cancelled inside a transaction, may hang for good, or
commit a transaction that the caller takes for undone (tests/integration/io/test_postgres_cancellation.py). So a
crossing is shielded, and the code in it must end by its own timeouts.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, ParamSpec, TypeVar, cast

import trio
import trio_asyncio

from shared.io.prompt_loop import PromptLoop, is_supported, make_prompt

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger("authsession.io.aio")


@asynccontextmanager
async def open_loop() -> AsyncGenerator[None]:
    """Open the asyncio loop, outermost under `trio.run`. A task started outside of it fails at its first crossing.

    A fault in a driver's background task is logged by its type, as asyncio does. trio-asyncio would end the process,
    which one broken connection must not do. A fault of a function that runs through `call` is raised there.
    """
    async with trio_asyncio.open_loop() as loop:
        if is_supported():
            make_prompt(loop)
        else:
            found = version("trio-asyncio")
            _log.warning("untested version of trio-asyncio: its stock event loop serves", extra={"version": found})
        loop.set_exception_handler(_log_background_failure)
        yield


def _log_background_failure(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    fault = type(context.get("exception")).__name__
    _log.error("background task of a driver failed", extra={"fault": fault})


async def call(function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run an asyncio function to its end and return its result.

    Cancellation is delivered before the function starts, or at the caller's next checkpoint after it has ended, so that
    no half-done work is lost. `function` must end by its own timeouts.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    loop = cast(object, trio_asyncio.current_loop.get())
    if isinstance(loop, PromptLoop):
        return await loop.run_promptly(function(*args, **kwargs))
    with trio.CancelScope(shield=True):
        return await cast(Callable[P, Awaitable[T]], trio_asyncio.aio_as_trio(function))(*args, **kwargs)
    raise AssertionError("a shielded scope is never cancelled")
