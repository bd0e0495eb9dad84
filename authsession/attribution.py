"""The caller and the actor that the audit trail names for a change made on the command line."""

import getpass
from typing import Final

from services.internal_admin.callers.identity import Caller
from shared.kernel.actor import Actor

COMMAND_LINE: Final = Caller("command_line", None, None)


def person() -> Actor:
    """The operating system's name of the user at the terminal; `unknown` if it has none."""
    try:
        return Actor("command_line", getpass.getuser())
    except (OSError, KeyError):
        return Actor("command_line", "unknown")
