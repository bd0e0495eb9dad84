"""A real pgbouncer in front of a test's Postgres. Only addresses and mode differ from its packaged settings."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest

from authsession.embedded.child import Child, free_port
from tests.support.database import ROLE_PASSWORD, Database
from tests.support.stack import wait_for

Mode = Literal["session", "transaction"]


@dataclass(frozen=True, slots=True)
class PooledDatabase(Database):
    """A database that the roles reach through the pooler on `port`. Tests reach it directly, as its owner."""

    port: int
    mode: Mode

    @property
    def needs_direct_dsn(self) -> bool:
        return self.mode == "transaction"

    def role_dsn(self, role: str) -> str:
        return f"postgresql://{role}:{ROLE_PASSWORD}@127.0.0.1:{self.port}/{self.name}"

    @property
    def pooled_owner_dsn(self) -> str:
        return self.owner_dsn.replace(f":{self.server.port}/", f":{self.port}/")


@contextmanager
def pgbouncer(database: Database, mode: Mode) -> Generator[PooledDatabase]:
    """A running pgbouncer. On a machine without the program the test is skipped."""
    binary = _binary()
    if binary is None:
        pytest.skip("needs pgbouncer; .ci/run installs it where it can")
    with TemporaryDirectory(prefix="authsession-pgbouncer-") as folder:
        pooled = PooledDatabase(database.server, database.name, free_port(), mode)
        configuration = _configure(Path(folder), pooled)
        child = Child([binary, str(configuration)], dies_by=signal.SIGKILL, user=_user(Path(folder)))
        try:
            wait_for(lambda: _listens(pooled.port) or child.exit_status() is not None)
            assert child.exit_status() is None, child.tail()
            yield pooled
        finally:
            child.kill()


def _configure(folder: Path, pooled: PooledDatabase) -> Path:
    owner_password = (pooled.server.folder / "password").read_text()
    users = {"authsession_public": ROLE_PASSWORD, "authsession_internal": ROLE_PASSWORD, "postgres": owner_password}
    (folder / "users").write_text("".join(f'"{user}" "{password}"\n' for user, password in users.items()))
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(f"""
[databases]
* = host=127.0.0.1 port={pooled.server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {pooled.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder / "users"}
pool_mode = {pooled.mode}
""")
    return configuration


def _user(folder: Path) -> tuple[int, int] | None:
    """The user that pgbouncer runs as, because it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return nobody.pw_uid, nobody.pw_gid


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def keeps_statements() -> bool:
    """Whether this machine's pgbouncer keeps prepared statements in transaction mode, as 1.21 and later do."""
    binary = _binary()
    if binary is None:
        return False
    version = subprocess.run([binary, "--version"], check=True, capture_output=True, text=True, timeout=10).stdout
    return tuple(map(int, version.split()[1].split(".")[:2])) >= (1, 21)


def _binary() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
