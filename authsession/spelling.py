"""Spells the command `authsession` as it was called, so that a printed command can be copied."""

import os
import shutil
import sys
from pathlib import Path


def typed(words: str) -> str:
    """The command with these words, such as `.venv/bin/authsession doctor public`.

    It begins with `authsession` if the PATH leads to the running program, else with the path that started it.
    """
    program = Path(sys.argv[0])
    if program.name != "authsession" or _leads_to(program, shutil.which("authsession")):
        return f"authsession {words}"
    path = os.path.relpath(program)
    return f"{program.absolute() if path.startswith('..') else path} {words}"


def _leads_to(program: Path, found: str | None) -> bool:
    return found is not None and Path(found).exists() and program.exists() and Path(found).samefile(program)
