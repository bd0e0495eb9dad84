"""Ctrl-C at any moment of the first start stops it quietly: no traceback, no orphan, no hang."""

import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from authsession.stop_signals import ONE_PRESS_SECONDS
from tests.support.stack import wait_for
from tests.support.up import Up, running_up

Moment = Callable[[Up], bool]
PATIENCE = 60.0


def importing(seconds: float) -> Moment:
    """The moment this long after the product's first line ran. Before that line Python answers with a traceback."""
    first_line: list[float] = []

    def is_now(up: Up) -> bool:
        if not first_line and not catches_ctrl_c(up.child.pid):
            first_line.append(time.monotonic())
        return bool(first_line) and time.monotonic() >= first_line[0] + seconds

    return is_now


def catches_ctrl_c(pid: int) -> bool:
    """Whether the process has a handler for Ctrl-C. Python installs one before it runs any code."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", status, re.MULTILINE)
    assert caught is not None
    return bool(int(caught[1], 16) & 1 << (signal.SIGINT - 1))


def made(pattern: str) -> Moment:
    """The moment when a matching file exists below `.authsession`."""
    return lambda up: any((up.folder / ".authsession").glob(pattern))


def said(pattern: str, times: int = 1) -> Moment:
    """The moment when this many lines of the output match."""
    return lambda up: sum(bool(re.search(pattern, line)) for line in list(up.lines)) >= times


def started(words: str) -> Moment:
    """The moment when a process below `up` has these words in its command line."""
    return lambda up: any(words in line for line in command_lines(up))


def command_lines(up: Up) -> list[str]:
    lines: list[str] = []
    for process in up.descendants():
        try:
            lines.append(" ".join(process.cmdline()))
        except psutil.Error:  # the process ended in between
            continue
    return lines


# In the order in which a first start passes them. Each start continues where the previous one was stopped.
MOMENTS: dict[str, Callable[[], Moment]] = {
    "the first import": lambda: importing(0),
    "imports": lambda: importing(0.2),
    "later imports": lambda: importing(0.5),
    "the lock is held": lambda: made("lock"),
    "secrets are made": lambda: made("secrets.json"),
    "the password of Postgres is made": lambda: made("postgres/password"),
    "initdb has begun": lambda: made("postgres/data.new/PG_VERSION"),
    "initdb writes the catalogue": lambda: made("postgres/data.new/base/1/PG_VERSION"),
    "initdb fills the catalogue": lambda: made("postgres/data.new/base/1/26*"),
    "data are whole": lambda: made("postgres/data/PG_VERSION"),
    "Postgres starts": lambda: started("bin/postgres -D"),
    "Postgres has a lock file": lambda: made("postgres/data/postmaster.pid"),
    "Redis starts": lambda: made("redis/redis.conf"),
    "Redis writes": lambda: made("redis/appendonlydir/*"),
    "the first migration": lambda: said("^Applied migration", 1),
    "a later migration": lambda: said("^Applied migration", 8),
    "the public process starts": lambda: started("services.public_auth"),
    "the internal process starts": lambda: started("services.internal_admin"),
    "the public process speaks": lambda: said(r"^public +\|"),
    "the internal process speaks": lambda: said(r"^internal +\|"),
    "the walk-through is printed": lambda: said("^Ready"),
}


@pytest.mark.skipif(
    sys.platform != "linux",
    reason="finds each moment of the start in Linux' /proc; test_up.py stops a running product on every system",
)
@pytest.mark.timeout(PATIENCE * len(MOMENTS))
def test_ctrl_c_at_any_moment_of_the_first_start_is_a_quiet_stop(tmp_path: Path) -> None:
    problems: list[str] = []
    for name, moment in MOMENTS.items():
        up = Up(tmp_path)
        up.launch()
        wait_until(moment(), up)
        problems += [f"{name}: {problem}" for problem in problems_of_a_stop(up)]
    assert problems == []


def problems_of_a_stop(up: Up) -> list[str]:
    """The problems that a person would notice after one Ctrl-C."""
    up.child.ask(signal.SIGINT)
    deadline = time.monotonic() + 20
    while up.child.exit_status() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    if (status := up.child.exit_status()) is None:
        up.child.kill()
        return ["hangs"]
    up.child.wait()
    found = [f"orphan {line}" for line in orphans(up.folder)]
    if status not in (0, -signal.SIGINT):
        found.append(f"exit status {status}")
    if "Traceback" in up.output or "Error" in up.output:
        found.append(f"not quiet: {up.output}")
    return found


def orphans(folder: Path) -> list[str]:
    """Command lines of processes that still work in the folder."""
    found: list[str] = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = " ".join(process.info["cmdline"] or [])
        if str(folder) in words or str(folder) in (process.info["cwd"] or ""):
            found.append(words)
    return found


def wait_until(moment: Moment, up: Up) -> None:
    """Returns at that moment. Returns at the end of the start if the moment passed unseen."""
    deadline = time.monotonic() + PATIENCE
    while not (moment(up) or up.has_line("^Ready")):
        assert up.child.exit_status() is None, up.output
        assert time.monotonic() < deadline, up.output
        time.sleep(0.002)


def test_a_second_ctrl_c_ends_a_stop_that_hangs(tmp_path: Path) -> None:
    with running_up(tmp_path) as up:
        public = next(each for each in up.descendants() if "services.public_auth" in " ".join(each.cmdline()))
        public.suspend()
        up.child.ask(signal.SIGINT)
        up.find("^Stopping")
        time.sleep(2 * ONE_PRESS_SECONDS)
        assert up.child.exit_status() is None
        up.child.ask(signal.SIGINT)
        assert up.child.wait(5) == 128 + signal.SIGINT
        wait_for(lambda: orphans(tmp_path) == [])
        assert "Traceback" not in up.output
