"""One child process in a process group of its own, that dies with this process."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO
from weakref import WeakSet

from shared.kernel.entropy import SystemEntropy

LAUNCH = Path(__file__).with_name("launch.py")
_GIVEN_PORTS: set[int] = set()
TAIL_LINES = 200

Line = Callable[[str], None]
Pause = Callable[[float], None]
"""Waits so many seconds; may raise what ends the waiting."""


class StartFailure(Exception):
    """Something could not start; the message is one sentence for a person."""


def ignore_line(_: str) -> None:
    """The listener of a child whose output nobody wants."""


_children: WeakSet["Child"] = WeakSet()


def ask_all() -> None:
    """Sends each child the signal by which it would die without us, and waits for none."""
    for child in list(_children):
        child.ask_to_die()


class Child:
    """A running command. Its output goes line by line to `on_line` (called on a thread of its own)."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        dies_by: signal.Signals,
        on_line: Line = ignore_line,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        user: tuple[int, int] | None = None,
    ) -> None:
        """Returns when `command` runs; `dies_by` is sent to it when the calling thread ends, however that happens.

        A Ctrl-C on the terminal does not reach it (own session). `user`: uid and gid to run as, if we are root.
        """
        who = [] if user is None else [f"--uid={user[0]}", f"--gid={user[1]}"]
        hears, tells = os.pipe()
        launch = [sys.executable, "-I", "-S", LAUNCH, f"--parent={os.getpid()}", f"--signal={dies_by.name}", *who]
        try:
            self._process = subprocess.Popen(
                [*map(str, launch), f"--tells={tells}", "--", *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                start_new_session=True,
                pass_fds=[tells],
            )
        finally:
            os.close(tells)
        self._dies_by = dies_by
        _children.add(self)
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._reader = threading.Thread(target=self._read, args=(on_line,), daemon=True)
        self._reader.start()
        with os.fdopen(hears, "rb") as told:
            told.read()  # ends with the launcher: a signal that comes later is the command's own

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_status(self) -> int | None:
        """None while it runs; minus the signal's number if one ended it."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, when it ended and all its output was read. Raises `subprocess.TimeoutExpired`."""
        status = self._process.wait(timeout)
        self._reader.join(timeout=2)
        return status

    def tail(self) -> str:
        """The last lines it wrote."""
        return "\n".join(self._tail)

    def ask(self, number: signal.Signals) -> None:
        """Sends it a signal, if it still runs."""
        if self.exit_status() is None:
            self._process.send_signal(number)

    def ask_to_die(self) -> None:
        """Sends it what it gets when its parent ends."""
        self.ask(self._dies_by)

    def stop(self, ask: signal.Signals, timeout: float) -> int:
        """Asks it to end, kills its group after `timeout` seconds; returns the exit status. May be repeated."""
        self.ask(ask)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()

    def kill(self) -> None:
        """Kill -9 for the whole group. May be repeated."""
        if self.exit_status() is None:
            with suppress(ProcessLookupError):  # ended in between
                os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def _read(self, on_line: Line) -> None:
        output: IO[bytes] | None = self._process.stdout
        assert output is not None
        with output:
            for raw in output:
                line = raw.decode(errors="replace").rstrip()
                self._tail.append(line)
                on_line(line)


def is_free(port: int) -> bool:
    """Whether one could listen on that TCP port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections do not matter
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on now, and that was not given out here before.

    It is below 32768, where Linux begins to take the ports of outgoing connections.
    """
    while True:
        port = 10_000 + int.from_bytes(SystemEntropy().token_bytes(2), "big") % 22_000
        if port not in _GIVEN_PORTS and is_free(port):
            _GIVEN_PORTS.add(port)
            return port
