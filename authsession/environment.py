"""The environment `up` and its processes run in: `.env` of the working folder under the real one (SPEC §12)."""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from authsession.embedded.child import StartFailure


def read_environment(folder: Path) -> dict[str, str]:
    """The process's environment over what `.env` in `folder` says; a name without a value in `.env` is not set.

    Raises `StartFailure` for a `.env` that cannot be read.
    """
    try:
        written = dotenv_values(folder / ".env", interpolate=False)
    except (OSError, UnicodeDecodeError) as fault:
        raise StartFailure(f"{folder / '.env'} cannot be read ({type(fault).__name__}): mend or remove it") from None
    return {name: value for name, value in written.items() if value is not None} | dict(os.environ)


def without(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """A copy lacking `names`."""
    return {name: value for name, value in environment.items() if name not in names}
