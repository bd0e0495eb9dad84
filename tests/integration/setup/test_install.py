"""`requirements/install`: a copied checkout gets a `.venv` of its own, and Ctrl-C during set-up is quiet.

On a checkout of one module, whose build needs no package: the real one would need a package index.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from authsession.service import SOURCE
from tests.support.stack import wait_for

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "product"
version = "1"
"""
BACKEND = """
import os, time, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    if os.path.exists("slow"):
        open("is_building", "w").close()
        time.sleep(60)
    name = "product-1-py3-none-any.whl"
    info = "product-1.dist-info"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("product.pth", os.getcwd())
        wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: product\\nVersion: 1\\n")
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/entry_points.txt", "[console_scripts]\\nproduct = product:main\\n")
        wheel.writestr(info + "/RECORD", "")
    return name
"""
PRODUCT = "def main():\n    print(__file__)\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    (folder / "requirements").mkdir(parents=True)
    for name in ("install", "set_up.py"):
        shutil.copy(SOURCE / "requirements" / name, folder / "requirements" / name)
    for name, text in {"pyproject.toml": PYPROJECT, "backend.py": BACKEND, "product.py": PRODUCT}.items():
        (folder / name).write_text(text)
    for name in ("embedded.txt", "build.txt"):
        (folder / "requirements" / name).touch()
    return folder


@contextmanager
def installing(folder: Path) -> Generator[subprocess.Popen[str]]:
    """`requirements/install` in a process group of its own, as under a terminal."""
    command = [str(folder / "requirements" / "install"), "embedded"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, process_group=0) as process:
        yield process


def install(folder: Path) -> str:
    with installing(folder) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(60) == 0, said
        return said


def code_of(folder: Path) -> Path:
    """The file that the program in this checkout runs."""
    ran = subprocess.run([folder / ".venv" / "bin" / "product"], capture_output=True, text=True, check=True)
    return Path(ran.stdout.strip())


def test_a_copied_checkout_runs_its_own_code(checkout: Path, tmp_path: Path) -> None:
    """A moved one is a copy whose original is gone."""
    assert "making .venv" in install(checkout)
    assert code_of(checkout) == checkout / "product.py"
    assert install(checkout) == ""

    copy = shutil.copytree(checkout, tmp_path / "copy", symlinks=True)
    assert ".venv belongs to another folder" in install(copy)
    assert code_of(copy) == copy / "product.py"


@pytest.mark.parametrize("moment", [".venv/pyvenv.cfg", "is_building"], ids=["making .venv", "installing"])
def test_ctrl_c_during_set_up_is_quiet_leaves_no_orphan_and_the_next_start_sets_up(checkout: Path, moment: str) -> None:
    (checkout / "slow").touch()
    with installing(checkout) as process:
        wait_for((checkout / moment).exists, timeout=60)
        below = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(10) == 128 + signal.SIGINT, said
    assert "Traceback" not in said
    assert said.endswith("Stopped. The next start sets up .venv again.\n")
    assert [each for each in below if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    (checkout / "slow").unlink()
    install(checkout)
    assert code_of(checkout) == checkout / "product.py"
