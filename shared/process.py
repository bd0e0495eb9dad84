"""A service as an operating-system process: settings, logs, exit status. What runs inside is its `wiring`'s."""

import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import trio

from shared.config.settings import EXIT_STATUS
from shared.kernel.faults import AddressTaken, ConfigurationError
from shared.telemetry.logs import configure_logging

_ALLOCATIONS_BETWEEN_COLLECTIONS = 20_000

SettingsT = TypeVar("SettingsT")

_log = logging.getLogger("authsession.process")


def run_process(
    read_settings: Callable[[Mapping[str, str]], SettingsT], run: Callable[[SettingsT], Awaitable[None]]
) -> int:
    """Read the environment, run until stopped, and return the exit status.

    0; or 78 after logging every problem of a configuration that was refused; or 1 for an address that is taken, which a
    unit may try again; or 1 after logging a fault, by its places in the code and without its text, which Python's own
    traceback would print.
    """
    configure_logging(sys.stderr)
    _spare_the_collector()
    status = 1
    try:
        trio.run(run, read_settings(os.environ))
        status = 0
    except* AddressTaken as taken:
        for problem in _problems(taken):
            _log.error("an address is taken", extra={"problem": problem})
    except* ConfigurationError as refused:
        for problem in _problems(refused):
            _log.error("the configuration was refused", extra={"problem": problem})
        status = EXIT_STATUS
    except* Exception as fault:  # noqa: BLE001 - the last resort of the process
        _log.exception("the process ends by a fault", exc_info=fault)
    return status


def _spare_the_collector() -> None:
    """What was imported lives as long as the process: it is not searched for garbage, and the rest more rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)


def _problems(group: BaseExceptionGroup[ConfigurationError]) -> list[str]:
    """Of a group that may hold groups."""
    problems: list[str] = []
    for error in group.exceptions:
        problems += _problems(error) if isinstance(error, BaseExceptionGroup) else error.problems
    return problems
