"""The environment of `up` and its processes: the process environment, with `.env` as its defaults (SPEC §12)."""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from authsession.embedded.child import StartFailure


def read_environment(folder: Path) -> dict[str, str]:
    """The process environment, with defaults from `.env` in `folder`. A name without a value in `.env` is not set.

    Raises `StartFailure` if `.env` cannot be read.
    """
    try:
        written = dotenv_values(folder / ".env", interpolate=False)
    except (OSError, UnicodeDecodeError) as fault:
        raise StartFailure(f"{folder / '.env'} cannot be read ({type(fault).__name__}): correct or remove it") from None
    return {name: value for name, value in written.items() if value is not None} | dict(os.environ)


def without(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """A copy of the environment without `names`."""
    return {name: value for name, value in environment.items() if name not in names}
