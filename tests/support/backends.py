"""Async tests that run on trio and on asyncio. They are for `clients`, which must work on both."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import pytest


def on_both_backends(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Runs the test once on each backend. Its arguments are fixtures as usual. A test ends after half a minute."""

    def run(backend: str, **fixtures: Any) -> None:
        # asyncio's own loop: importing trio_asyncio makes its loop the one that asyncio opens.
        options = {"loop_factory": asyncio.SelectorEventLoop} if backend == "asyncio" else {}
        anyio.run(_bounded, partial(test, **fixtures), backend=backend, backend_options=options)

    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    given = inspect.signature(test)
    backend = inspect.Parameter("backend", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = given.replace(parameters=[backend, *given.parameters.values()])  # pyright: ignore[reportFunctionMemberAccess]
    run.pytestmark = list(getattr(test, "pytestmark", []))  # pyright: ignore[reportFunctionMemberAccess]
    return pytest.mark.parametrize("backend", ["trio", "asyncio"])(run)


async def _bounded(test: Callable[[], Awaitable[None]]) -> None:
    with anyio.fail_after(30):
        await test()
