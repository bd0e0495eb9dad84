"""A service as a process of the operating system: settings, logs and exit status. `wiring` of each service runs it."""

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
    """Read the environment, run the service until it stops, and return the exit status.

    * 0: the service was stopped.
    * 78: the configuration was refused; the log names every problem.
    * 1: an address is in use, so that a supervisor may start the service again.
    * 1: any other fault. The log has its places in the code but not its text, which a traceback of Python would print.
    """
    configure_logging(sys.stderr)
    _spare_the_collector()
    status = 1
    try:
        trio.run(run, read_settings(os.environ))
        status = 0
    except* AddressTaken as taken:
        for problem in _problems(taken):
            _log.error("address already in use", extra={"problem": problem})
    except* ConfigurationError as refused:
        for problem in _problems(refused):
            _log.error("configuration refused", extra={"problem": problem})
        status = EXIT_STATUS
    except* Exception as fault:  # noqa: BLE001 - the last resort of the process
        _log.exception("process ends after a fault", exc_info=fault)
    return status


def _spare_the_collector() -> None:
    """Exclude imported objects, which live as long as the process, from garbage collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)


def _problems(group: BaseExceptionGroup[ConfigurationError]) -> list[str]:
    """The problems of all errors in a group, which may hold groups."""
    problems: list[str] = []
    for error in group.exceptions:
        problems += _problems(error) if isinstance(error, BaseExceptionGroup) else error.problems
    return problems
