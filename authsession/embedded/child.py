"""A child process with its own process group, which ends with this process."""

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
"""Waits for so many seconds. It may raise an exception that ends the wait."""


class StartFailure(Exception):
    """A part could not start. The message is one sentence for a person."""


def ignore_line(_: str) -> None:
    """A listener that drops the output of a child."""


_children: WeakSet["Child"] = WeakSet()


def ask_all() -> None:
    """Sends each child the signal that it would get at our end. Does not wait."""
    for child in list(_children):
        child.ask_to_die()


class Child:
    """A running command. A separate thread calls `on_line` with each line of its output."""

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
        """Returns when `command` runs. It gets the signal `dies_by` when the calling thread ends, even by kill -9.

        It has its own session, so Ctrl-C on the terminal does not reach it. `user` is the uid and gid to run as, if
        we are root.
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
            told.read()  # returns when the launcher has become the command, which gets every later signal itself

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_status(self) -> int | None:
        """None while it runs; the negative number of the signal if one ended it."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Waits at most `timeout` seconds for its end and its last output. Returns the exit status.

        Raises `subprocess.TimeoutExpired`.
        """
        status = self._process.wait(timeout)
        self._reader.join(timeout=2)
        return status

    def tail(self) -> str:
        """The last 200 lines of its output."""
        return "\n".join(self._tail)

    def ask(self, number: signal.Signals) -> None:
        """Sends it the signal, if it still runs."""
        if self.exit_status() is None:
            self._process.send_signal(number)

    def ask_to_die(self) -> None:
        """Sends it the signal that it would get at its parent's end."""
        self.ask(self._dies_by)

    def stop(self, ask: signal.Signals, timeout: float) -> int:
        """Sends the signal `ask`, and kills the group after `timeout` seconds. Returns the exit status.

        May be repeated.
        """
        self.ask(ask)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()

    def kill(self) -> None:
        """Sends SIGKILL to the whole group and waits for its end. May be repeated."""
        if self.exit_status() is None:
            with suppress(ProcessLookupError):  # it ended meanwhile
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
    """Whether a server could now listen on this TCP port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # servers set it too: old connections do not matter
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A free TCP port of the loopback address that this function has not returned before.

    It is below 32768, where Linux' range of ports for outgoing connections begins.
    """
    while True:
        port = 10_000 + int.from_bytes(SystemEntropy().token_bytes(2), "big") % 22_000
        if port not in _GIVEN_PORTS and is_free(port):
            _GIVEN_PORTS.add(port)
            return port
