"""`authsession up`: everything on one machine, for development and small installs (SPEC §1.4)."""

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import asyncpg

from authsession.database import connect
from authsession.embedded.child import Line, StartFailure
from authsession.environment import read_environment
from authsession.installation import Installation, Running
from authsession.mail_watch import MailWatch
from authsession.stack import Stack
from authsession.stop_signals import StopSignals
from authsession.terminal import Terminal
from authsession.walk_through import walk_through
from shared.settings import EXIT_STATUS

POLL_SECONDS = 0.2


def up(folder: Path) -> int:
    """Runs until a signal (0) or until a part dies (1; 78 if a service refused its configuration).

    Raises `StartFailure` and `ConfigurationError` when something cannot start; whatever started is stopped by then.
    """
    signals = StopSignals()
    terminal = Terminal(on_gone=signals.request)
    installation = Installation(folder)
    with installation.locked(), ExitStack() as stack:
        try:
            started = _start(stack, installation, terminal)
            signals.interrupting = False
            return asyncio.run(_run(started, signals, terminal))
        except KeyboardInterrupt:
            return 0
        finally:
            signals.interrupting = False
            installation.forget()
            terminal.say("Stopping")


def _start(stack: ExitStack, installation: Installation, terminal: Terminal) -> Stack:
    parts = Stack(read_environment(installation.folder.parent), installation, terminal)
    parts.check_addresses()
    parts.start_postgres(stack)
    redis = parts.start_redis(stack)
    postgres = parts.migrate()
    parts.start_services(stack, postgres, redis)
    if parts.dead() is None:
        installation.tell(Running(
            owner_dsn=parts.owner_dsn,
            public_environment=_settings(parts.public_environment),
            internal_environment=_settings(parts.internal_environment),
        ))  # fmt: skip
        terminal.say(f"\n{walk_through(parts.public.address, parts.internal.address)}\n")
        terminal.say("Ready. Ctrl-C stops everything.\n")
    return parts


async def _run(parts: Stack, signals: StopSignals, terminal: Terminal) -> int:
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(_watch_mail(parts, terminal.source("mail")))
        while not signals.requested and parts.dead() is None:  # noqa: ASYNC110 - a signal and a death make no event
            await asyncio.sleep(POLL_SECONDS)
        watching.cancel()
    dead = parts.dead()
    if signals.requested or dead is None:
        return 0
    name, status = dead
    terminal.say(f"The {name} process ended ({_how(status)}): everything stops.")
    return EXIT_STATUS if status == EXIT_STATUS else 1


async def _watch_mail(parts: Stack, on_line: Line) -> None:
    """Only in stub mode, where codes are for the terminal. Outlives the loss of its connection."""
    process = parts.configuration.public.process
    if process.mail_service_mode != "stub":
        return
    while True:
        try:
            async with connect(parts.owner_dsn) as connection:
                watch = MailWatch(connection, process.sealing_keys, on_line)
                await watch.begin()
                while True:
                    await asyncio.sleep(POLL_SECONDS)
                    await watch.step()
        except (StartFailure, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await asyncio.sleep(1)


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("AUTHSESSION_")}


def _how(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"
