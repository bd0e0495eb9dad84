"""The event loop of the command line."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, but on asyncio's own loop.

    Importing trio-asyncio makes `asyncio.run` take another loop, which Ctrl-C and cancellation can hang.
    """
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(coroutine)
