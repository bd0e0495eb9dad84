"""The example gateway tells its operator's mistakes in one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from authsession.service import SOURCE
from tests.support.stack import clean_environment


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--join", "nonsense"), "join_string is no join string"),
        (("--name", "No Name"), "node_name must be 1 to 63 of a-z"),
        (("--control-plane", "nowhere"), "control_planes must be one or more URLs"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "examples.gateway", *arguments],
        cwd=tmp_path,
        env=clean_environment() | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.splitlines()) == 1
