"""The example client outside of a running stack says in one line what to start."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from authsession.embedded.child import free_port
from authsession.installation import Installation, Running
from authsession.service import SOURCE
from examples.gateway.running_stack import USUAL, find_apis, find_node_api


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


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"node_url": "http://127.0.0.1:9082"}, "http://127.0.0.1:9082"),
        ({"node_url": "http://127.0.0.1:9081"}, "http://127.0.0.1:9081"),
        ({}, "http://127.0.0.1:9081"),
    ],
)
def test_it_finds_the_node_api_also_of_an_earlier_release_that_tells_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, str], found: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_node_api() == USUAL[1]
    installation = Installation(tmp_path)
    with installation.locked():
        others: dict[str, Any] = {"owner_dsn": "", "public_environment": {}, "internal_environment": {}}
        urls = {"public_url": "http://127.0.0.1:9080", "internal_url": "http://127.0.0.1:9081", **told}
        (installation.folder / "running.json").write_text(json.dumps({**urls, **others}))
        assert find_node_api() == found


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
