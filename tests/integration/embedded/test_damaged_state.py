"""Damaged files under `.authsession`: each is one sentence with its own cure, and the cure works."""

import errno
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from authsession.embedded.child import StartFailure
from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
from authsession.environment import read_environment
from authsession.installation import Installation
from shared.kernel.config_keys import ConfigKeys


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    made = Installation(tmp_path)
    made.folder.mkdir()
    return made


@pytest.mark.parametrize("content", ["", '{"public_postgres', "[]", '{"audit_keys": 1}'])
def test_damaged_secrets(installation: Installation, content: str) -> None:
    (installation.folder / "secrets.json").write_text(content)
    with pytest.raises(StartFailure, match=r"secrets.json is damaged: put a copy of it back, or write {} into it"):
        installation.secrets()
    (installation.folder / "secrets.json").write_text("{}")
    assert installation.secrets() == installation.secrets()


def test_a_folder_of_the_release_before_gets_the_secrets_that_are_new(installation: Installation) -> None:
    path = installation.folder / "secrets.json"
    before = asdict(installation.secrets())
    new = {"config_keys", "secret_keys"}
    path.write_text(json.dumps({name: value for name, value in before.items() if name not in new}))
    after = asdict(installation.secrets())
    assert {name for name in before if after[name] != before[name]} == new
    assert len(ConfigKeys.parse("test", after["config_keys"])) == 1
    assert json.loads(path.read_text()) == after


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / ".authsession").touch()
    with pytest.raises(StartFailure, match=r"File exists\): move that file away"), Installation(tmp_path).locked():
        pass


def test_a_folder_of_another_user(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a stand-in for the system's refusal, which root never meets."""

    def refuse(path: Path, _: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("authsession.installation.write_private", refuse)
    with pytest.raises(StartFailure, match=r"secrets\.json cannot be used \(Permission denied\): give the folder"):
        installation.secrets()


def test_secrets_that_are_gone_while_data_need_them(installation: Installation) -> None:
    installation.secrets()
    (installation.folder / "secrets.json").unlink()
    (installation.postgres_folder / "data").mkdir(parents=True)
    with pytest.raises(StartFailure, match=r"secrets\.json is gone: put a copy of it back"):
        installation.secrets()


def test_a_damaged_word_of_what_runs(installation: Installation) -> None:
    (installation.folder / "running.json").write_text('{"owner_dsn": "postgres')
    with installation.locked(), pytest.raises(StartFailure, match=r"running\.json is damaged: stop `up` and start it"):
        installation.running()


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_password_of_postgres_that_is_gone(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "password").write_text(content)
    with pytest.raises(StartFailure, match="password is gone or damaged: put a copy of it back"):
        EmbeddedPostgres(tmp_path).dsn()


def test_data_without_their_version_are_kept(tmp_path: Path) -> None:
    (tmp_path / "data" / "base").mkdir(parents=True)
    with pytest.raises(StartFailure, match="are damaged"):
        EmbeddedPostgres(tmp_path).start()
    assert (tmp_path / "data" / "base").exists()


def test_data_without_their_write_ahead_log_have_a_cure(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, durable=False)
    server.start()
    server.stop()
    shutil.rmtree(server.data / "pg_wal")
    with pytest.raises(StartFailure, match=r"pg_wal.*the data look damaged: restore a backup, or move the folder away"):
        server.start()


def test_a_broken_append_only_file(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    server.stop()
    for file in (tmp_path / "redis" / "appendonlydir").iterdir():
        file.write_bytes(b"nonsense" * 100)
    with pytest.raises(StartFailure, match="delete that folder; it is rebuilt from Postgres"):
        server.start()
    shutil.rmtree(tmp_path / "redis")
    server.start()
    server.kill()


def test_an_environment_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StartFailure, match=r"\.env cannot be read \(UnicodeDecodeError\): correct or remove it"):
        read_environment(tmp_path)
