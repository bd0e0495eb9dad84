"""A dump goes into a cluster that has never seen us, as docs/guides/backup.md says: without errors, and complete."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from authsession.__main__ import main
from authsession.database import with_credentials
from authsession.embedded.postgres import EmbeddedPostgres, postgres_binaries
from shared.db.role_settings import INTERNAL_ROLE, PUBLIC_ROLE
from tests.support.builders import store_session, store_user
from tests.support.database import Database, run_sql
from tests.support.schema_dump import dump_schema
from tests.support.servers import temporary_postgres


@pytest.fixture(scope="module")
def fresh_cluster() -> Iterator[EmbeddedPostgres]:
    with temporary_postgres() as server:
        yield server


def run(name: str, *arguments: str) -> None:
    subprocess.run([postgres_binaries() / name, *arguments], check=True, timeout=120)


def test_a_dump_restored_into_a_fresh_cluster_and_migrated_is_the_same_database(
    database: Database, fresh_cluster: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = store_session(database, store_user(database)).device_session_id
    run("pg_dump", "--format=custom", f"--file={tmp_path / 'dump'}", f"--dbname={database.owner_dsn}")
    run_sql(fresh_cluster.dsn(), "create database restored encoding 'UTF8' template template0")
    restored = Database(fresh_cluster, "restored")
    target = f"--dbname={restored.owner_dsn}"
    run("pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", target, str(tmp_path / "dump"))

    logins: list[str] = []
    for role in (PUBLIC_ROLE, INTERNAL_ROLE):
        (tmp_path / role).write_text(with_credentials(restored.owner_dsn, role, "password-of-the-restored"))
        logins.append(f"--login={tmp_path / role}")
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", restored.owner_dsn)
    assert main(["migrate", *logins]) == 0
    assert dump_schema(restored.owner_dsn) == dump_schema(database.owner_dsn)
    for role in (PUBLIC_ROLE, INTERNAL_ROLE):
        rows = run_sql((tmp_path / role).read_text(), "select device_session_id from device_sessions")
        assert [row["device_session_id"] for row in rows] == [session_id]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused_by_name(
    fresh_cluster: EmbeddedPostgres,
    encoding: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = f"in_{encoding.lower()}"
    run_sql(fresh_cluster.dsn(), f"create database {name} encoding '{encoding}' locale 'C' template template0")
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", fresh_cluster.dsn(name))
    assert main(["migrate"]) == 1
    assert f"encoding is {encoding}" in capsys.readouterr().err
    with pytest.raises(asyncpg.UndefinedTableError):
        run_sql(fresh_cluster.dsn(name), "select from schema_migrations")
    assert main(["doctor", "public"]) == 1
    assert f"the database's encoding is {encoding}" in capsys.readouterr().out
