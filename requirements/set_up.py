"""Installs one lock file and this checkout into .venv, and prints each step. `requirements/install` runs it.

It uses only the standard library of Python 3.11 to 3.13, because it runs before anything is installed.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

VENV = Path(".venv")
UNFINISHED = VENV / "unfinished"
"""This file exists while pip unpacks packages. A `.venv` that still has it was interrupted and is made again."""
PIP = [VENV / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
       "--root-user-action=ignore"]  # fmt: skip
SHOWN_ON_FAILURE = 20

Line = Callable[[str], None]


class Failed(Exception):
    """A step failed. The message is the end of its output."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("lock", help="the name of a lock file in this folder, without .txt")
    parser.add_argument("--new", action="store_true", help="make .venv again, from nothing")
    given = parser.parse_args()
    lock = f"requirements/{given.lock}.txt"
    began = time.monotonic()
    try:
        say(f"Setting up .venv from {lock} (once, and when it changes)")
        if given.new:
            say(f"  making .venv with Python {sys.version.split()[0]}")
            run([sys.executable, "-m", "venv", "--clear", VENV])
        packages = Packages(len(re.findall(r"^[A-Za-z0-9][^=\s]*==", Path(lock).read_text("utf-8"), re.MULTILINE)))
        run([*PIP, "--require-hashes", "-r", lock, "-r", "requirements/build.txt"], packages.hear)
        UNFINISHED.unlink(missing_ok=True)
        say("  adding this checkout")
        run([*PIP, "--no-deps", "--no-build-isolation", "--editable", "."])
        (VENV / f"{given.lock}.stamp").touch()
        say(f"  done in {time.monotonic() - began:.0f} s")
    except Failed as failure:
        UNFINISHED.unlink(missing_ok=True)  # pip has rolled back
        say(f"{failure}\n.venv is not set up: correct the problem above and start again")
        return 1
    except KeyboardInterrupt:
        say("\nStopped. The next start sets up .venv again.")
        return 128 + signal.SIGINT
    return 0


class Packages:
    """Turns pip's output into a counting line on a terminal, or into one line for every ten packages elsewhere."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._seen = 0
        self._is_terminal = sys.stderr.isatty()

    def hear(self, line: str) -> None:
        if found := re.match(r"(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)", line):
            self._seen += 1
            text = f"  package {min(self._seen, self._total)} of {self._total}: {found[1]}"
            if self._is_terminal:
                sys.stderr.write(f"\r{text:<70}")
                sys.stderr.flush()
            elif self._seen % 10 == 1:
                say(text)
        elif line.startswith("Installing collected packages"):
            UNFINISHED.touch()
            say(f"{chr(10) if self._is_terminal else ''}  unpacking them")


def run(command: list[str | Path], on_line: Line | None = None) -> None:
    """Runs a step in its own session, so that Ctrl-C reaches only this process. Raises `Failed`."""
    last: deque[str] = deque(maxlen=SHOWN_ON_FAILURE)
    step = subprocess.Popen(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        assert step.stdout is not None
        for line in step.stdout:
            last.append(line.rstrip())
            if on_line is not None:
                on_line(line)
        status = step.wait()
    except BaseException:
        os.killpg(step.pid, signal.SIGKILL)
        step.wait()
        raise
    if status != 0:
        raise Failed("\n".join(last))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def interrupt(*_: object) -> None:
    """Raises `KeyboardInterrupt` once, and ignores later signals so that nothing interrupts the clean-up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(wanted, interrupt)
    sys.exit(main())
