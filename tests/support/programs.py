"""Programs of `examples`, as a person starts them."""

import re
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from authsession.embedded.child import Child
from authsession.service import SOURCE
from tests.support.stack import clean_environment, wait_for


class Program:
    """A program of `examples`, started in a folder, and the lines that it prints."""

    def __init__(self, folder: Path, module: str, *arguments: str, **environment: str) -> None:
        self.lines: list[str] = []
        self.child = Child(
            [sys.executable, "-P", "-m", module, *arguments],
            dies_by=signal.SIGTERM,
            on_line=self.lines.append,
            environment=clean_environment() | {"PYTHONPATH": str(SOURCE)} | environment,
            folder=folder,
        )

    def find(self, pattern: str) -> re.Match[str]:
        """Waits for a line that matches."""
        return wait_for(lambda: next(filter(None, (re.search(pattern, line) for line in list(self.lines))), None))


@contextmanager
def program(folder: Path, module: str, *arguments: str, **environment: str) -> Generator[Program]:
    """A program that has ended when the context is left, also if the test fails."""
    running = Program(folder, module, *arguments, **environment)
    try:
        yield running
    finally:
        running.child.stop(signal.SIGTERM, timeout=10)
