"""`authsession up` as a person runs it, in its own folder, with the `.env` of the contract's examples."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from authsession.embedded.child import Child, free_port
from authsession.service import SOURCE
from tests.support.stack import clean_environment, wait_for

# As printed in the contract's examples, except the ports: several test workers run at the same time.
SEED_ENV = """
AUTHSESSION_REDIS_ADDR=127.0.0.1:{redis}
AUTHSESSION_PUBLIC_HTTP_ADDR=:{public}
AUTHSESSION_INTERNAL_HTTP_ADDR=:{internal}

AUTHSESSION_USER_SERVICE_MODE=stub
AUTHSESSION_MAIL_SERVICE_MODE=stub

OTEL_SERVICE_NAME=galaxy-authsession
OTEL_TRACES_EXPORTER=none
OTEL_METRICS_EXPORTER=none
"""


class Up:
    """One folder, in which at most one `up` runs."""

    def __init__(self, folder: Path, **changes: str) -> None:
        """`changes` are environment variables beside `.env`."""
        self.folder = folder
        self.ports = {name: free_port() for name in ("redis", "public", "internal", "nodes")}
        (folder / ".env").write_text(SEED_ENV.format(**self.ports))
        metrics = {"AUTHSESSION_PUBLIC_METRICS_ADDR": f"127.0.0.1:{free_port()}"}
        self.environment = clean_environment() | {"PYTHONPATH": str(SOURCE)} | metrics | changes
        self.lines: list[str] = []
        self._child: Child | None = None

    def launch(self) -> None:
        """Starts `up`, and returns at once."""
        self.lines.clear()
        self._child = Child(
            [sys.executable, "-P", "-m", "authsession", "up"],
            dies_by=signal.SIGTERM,
            on_line=self.lines.append,
            environment=self.environment,
            folder=self.folder,
        )

    def start(self) -> None:
        """Starts `up`, and returns when the walk-through is printed."""
        self.launch()
        wait_for(lambda: self.has_line("^Ready") or self.child.exit_status() is not None, timeout=90)
        assert self.child.exit_status() is None, self.output

    @property
    def child(self) -> Child:
        assert self._child is not None
        return self._child

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def has_line(self, pattern: str) -> bool:
        return any(re.search(pattern, line) for line in list(self.lines))

    def find(self, pattern: str) -> re.Match[str]:
        """Waits for a line that matches, and returns the newest."""
        return wait_for(lambda: next(filter(None, (re.search(pattern, line) for line in reversed(self.lines))), None))

    def descendants(self) -> list[psutil.Process]:
        """All processes below `up` now."""
        return psutil.Process(self.child.pid).children(recursive=True)

    def stop(self, ask: signal.Signals = signal.SIGINT) -> int:
        """Sends a signal to `up` alone, and returns the exit status."""
        return self.child.stop(ask, timeout=60)

    def command(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Runs another command in the same folder. `given` is its standard input."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "authsession", *arguments],
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def secrets(self) -> dict[str, str]:
        return json.loads((self.folder / ".authsession" / "secrets.json").read_text())

    def walk_through(self) -> list[str]:
        """Makes the printed calls in order. After the first code, the call that confirms it follows."""
        return re.findall(r"^curl .*?(?=\n\n|\n\Z)", self.output, re.MULTILINE | re.DOTALL)


def call(command: str, replacements: Mapping[str, str]) -> dict[str, Any]:
    """Makes a printed call, with curl if it is installed, and returns the answer."""
    for placeholder, value in replacements.items():
        command = command.replace(placeholder, value)
    words = shlex.split(command.replace("\\\n", " "))
    if shutil.which("curl"):
        return json.loads(
            subprocess.run([words[0], "-sS", *words[1:]], check=True, capture_output=True, timeout=30).stdout
        )
    url = next(word for word in words if word.startswith("http://"))
    headers = dict(words[place + 1].split(": ", 1) for place, word in enumerate(words) if word == "-H")
    if "-d" not in words:
        return httpx.get(url, headers=headers).json()
    body = words[words.index("-d") + 1]
    return httpx.post(url, content=body, headers=headers).json()


@contextmanager
def running_up(folder: Path, **changes: str) -> Generator[Up]:
    """A started `up`, stopped afterwards."""
    up = Up(folder, **changes)
    try:
        up.start()
        yield up
    finally:
        up.stop()
