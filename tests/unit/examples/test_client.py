"""The example client outside of a running stack says in one line what to start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from authsession.embedded.child import free_port
from authsession.installation import Installation, Running
from authsession.service import SOURCE
from examples.gateway.running_stack import USUAL, find_apis


def test_it_finds_the_ports_of_the_stack_that_runs_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_apis() == USUAL
    installation = Installation(tmp_path)
    with installation.locked():
        installation.tell(
            Running(
                public_url="http://127.0.0.1:9080",
                internal_url="http://127.0.0.1:9081",
                owner_dsn="",
                public_environment={},
                internal_environment={},
            )
        )
        assert find_apis() == ("http://127.0.0.1:9080", "http://127.0.0.1:9081")


def test_without_a_stack_it_says_what_to_start(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    ran = subprocess.run(
        [sys.executable, "-m", "examples.gateway.client", f"--public={nowhere}"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr == f"nothing answers at {nowhere}: start `make run` in this folder first\n"
