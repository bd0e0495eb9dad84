"""A Postgres primary with a streaming standby, and copies of a server's data as backups take them."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from authsession.embedded.postgres import EmbeddedPostgres, postgres_binaries
from tests.support.database import ROLE_PASSWORD, Database, run_sql
from tests.support.servers import temporary_postgres
from tests.support.stack import wait_for

PROMOTION_SECONDS = 30


@dataclass(frozen=True, slots=True)
class PairedDatabase(Database):
    """A database on both servers. Its roles know both addresses. `execute` asks the first primary."""

    standby: EmbeddedPostgres

    def role_dsn(self, role: str) -> str:
        hosts = f"127.0.0.1:{self.server.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://{role}:{ROLE_PASSWORD}@{hosts}/{self.name}"

    def on_standby(self) -> Database:
        """The same database on the standby."""
        return Database(self.standby, self.name)


@contextmanager
def temporary_pair() -> Generator[tuple[EmbeddedPostgres, EmbeddedPostgres]]:
    """A primary and its streaming standby. Replication is asynchronous until `make_synchronous`."""
    with temporary_postgres() as primary, TemporaryDirectory(prefix="authsession-standby-") as folder:
        standby = EmbeddedPostgres(Path(folder))
        copy_server(primary, standby, as_standby=True)
        try:
            standby.start()
            wait_for(lambda: _replication(primary) == "streaming")
            yield primary, standby
        finally:
            standby.kill()


def make_synchronous(primary: EmbeddedPostgres, *, is_synchronous: bool = True) -> None:
    """Makes a commit wait until the standby has it on disk, or ends that."""
    run_sql(primary.dsn(), f"alter system set synchronous_standby_names = '{'*' if is_synchronous else ''}'")
    run_sql(primary.dsn(), "select pg_reload_conf()")
    wanted = "sync" if is_synchronous else "async"
    wait_for(lambda: run_sql(primary.dsn(), "select sync_state from pg_stat_replication")[0]["sync_state"] == wanted)


def promote(standby: EmbeddedPostgres) -> None:
    """Promotes the server, and returns when it accepts writes on its own timeline."""
    run_sql(standby.dsn(), f"select pg_promote(true, {PROMOTION_SECONDS})")


def copy_server(source: EmbeddedPostgres, target: EmbeddedPostgres, *, as_standby: bool = False) -> None:
    """Copies the running `source` by a base backup to `target`, which must not run."""
    shutil.copy2(source.folder / "password", target.folder / "password")
    shutil.rmtree(target.data, ignore_errors=True)
    kind = ["--write-recovery-conf"] if as_standby else []
    command = [postgres_binaries() / "pg_basebackup", f"--pgdata={target.data}", "--wal-method=stream", *kind]
    subprocess.run(
        [*command, "--checkpoint=fast", "--no-sync", f"--dbname={source.dsn()}"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    owner = source.data.stat()
    for path in (target.data, *target.data.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _replication(primary: EmbeddedPostgres) -> str | None:
    rows = run_sql(primary.dsn(), "select state from pg_stat_replication")
    return rows[0]["state"] if rows else None
