"""The event loop of the command line."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs the coroutine as `asyncio.run` does, but on asyncio's own loop.

    After an import of trio-asyncio, `asyncio.run` uses another loop, on which Ctrl-C and cancellation can hang.
    """
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(coroutine)
