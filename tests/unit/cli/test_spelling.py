"""Printed commands can be copied: they name the program as it was started."""

from pathlib import Path

import pytest

from authsession.operators_walk_through import operators_walk_through
from authsession.spelling import typed
from shared.kernel.address import TcpAddress


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / ".venv/bin/authsession"
    path.parent.mkdir(parents=True)
    path.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(path)])
    monkeypatch.setenv("PATH", "/usr/bin")
    return path


def test_a_program_below_this_folder_is_named_by_its_path_from_here(program: Path) -> None:
    assert typed("doctor public") == ".venv/bin/authsession doctor public"
    assert "`.venv/bin/authsession operator setup-code`" in operators_walk_through(TcpAddress("127.0.0.1", 8081))


def test_a_program_elsewhere_is_named_by_its_whole_path(
    program: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert typed("version") == f"{program} version"


def test_a_program_on_the_path_is_named_by_its_name(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert typed("version") == "authsession version"


def test_a_command_run_as_a_module_is_named_by_its_name(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/authsession/__main__.py"])
    assert typed("version") == "authsession version"
