"""`authsession up`: the whole system on one machine, for development and small installations (SPEC §1.4)."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from authsession.database import FAULTS, connect
from authsession.embedded.child import StartFailure, ask_all
from authsession.environment import read_environment
from authsession.event_loop import run_async
from authsession.installation import Installation, Running
from authsession.mail_watch import MailWatch
from authsession.operators_walk_through import operators_walk_through
from authsession.stack import Stack
from authsession.stop_signals import Stopped, StopSignals
from authsession.terminal import Terminal
from authsession.walk_through import confirm_call, url_of, walk_through
from shared.config.settings import EXIT_STATUS
from shared.kernel.address import Address

POLL_SECONDS = 0.2


def up(folder: Path) -> int:
    """Runs until a signal comes (status 0) or a part ends (status 1; 78 if a service refused its configuration).

    Raises `StartFailure` and `ConfigurationError` if a part cannot start. In every case all started parts are stopped
    before it returns or raises.
    """
    signals = StopSignals(end_at_once=ask_all)
    terminal = Terminal(on_gone=signals.request)
    installation = Installation(folder)
    with installation.locked(), ExitStack() as stack:
        try:
            started = _start(stack, installation, signals, terminal)
            return run_async(_run(started, signals, terminal))
        except Stopped:
            return 0
        finally:
            installation.forget()
            terminal.say("Stopping")


def _start(stack: ExitStack, installation: Installation, signals: StopSignals, terminal: Terminal) -> Stack:
    parts = Stack(read_environment(installation.folder.parent), installation, signals, terminal)
    parts.check_addresses()
    parts.start_postgres(stack)
    redis = parts.start_redis(stack)
    postgres = parts.migrate()
    parts.start_services(stack, postgres, redis)
    if parts.dead() is None:
        installation.tell(Running(
            public_url=url_of(parts.public.address),
            internal_url=url_of(parts.internal.address),
            node_url=url_of(parts.configuration.internal.node_http_address or parts.internal.address),
            owner_dsn=parts.owner_dsn,
            public_environment=_settings(parts.public_environment),
            internal_environment=_settings(parts.internal_environment),
        ))  # fmt: skip
        requires_token = parts.configuration.internal.requires_token
        calls = walk_through(parts.public.address, parts.internal.address, requires_token=requires_token)
        terminal.say(f"\n{calls}\n")
        terminal.say(f"\n{operators_walk_through(parts.internal.address)}\n")
        terminal.say(_ready(parts))
    return parts


async def _run(parts: Stack, signals: StopSignals, terminal: Terminal) -> int:
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(_watch_mail(parts, terminal))
        while not signals.requested and parts.dead() is None:
            await asyncio.sleep(POLL_SECONDS)
            terminal.look()
        watching.cancel()
    dead = parts.dead()
    if signals.requested or dead is None:
        return 0
    name, status = dead
    terminal.say(f"The {name} process ended ({_how(status)}): everything stops. Its last lines above may say why.")
    return EXIT_STATUS if status == EXIT_STATUS else 1


async def _watch_mail(parts: Stack, terminal: Terminal) -> None:
    """Prints mailed codes, in stub mode only. Reconnects if it loses its connection."""
    process = parts.configuration.public.process
    if process.mail_service_mode != "stub":
        return
    on_code = _shows_the_first(parts.public.address, terminal)
    while True:
        try:
            async with connect(parts.owner_dsn) as connection:
                watch = MailWatch(connection, process.sealing_keys, terminal.source("mail"), on_code)
                await watch.begin()
                while True:
                    await asyncio.sleep(POLL_SECONDS)
                    await watch.step()
        except (StartFailure, *FAULTS):
            await asyncio.sleep(1)


def _shows_the_first(public: Address, terminal: Terminal) -> Callable[[str, str], None]:
    """Prints the confirming call for the first code only: one example is enough."""
    was_shown = False

    def show(challenge_id: str, code: str) -> None:
        nonlocal was_shown
        if not was_shown:
            was_shown = True
            terminal.say(f"\n{confirm_call(public, challenge_id, code)}\n")

    return show


def _ready(parts: Stack) -> str:
    """The addresses. They are printed last, so that they stay in sight."""
    addresses = {"public API": parts.public.address, "internal API": parts.internal.address}
    nodes = parts.configuration.internal.node_http_address
    if nodes is not None:
        addresses["node API"] = nodes
    lines = [f"  {name:<12}  {url_of(address)}" for name, address in addresses.items()]
    return "\n".join(["Ready. Ctrl-C stops everything.", *lines, ""])


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(("AUTHSESSION_", "CONTROL_PLANE_"))}


def _how(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"
