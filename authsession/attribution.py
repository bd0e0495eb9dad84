"""Whom the audit trail names for what the command line did."""

import getpass
from typing import Final

from services.internal_admin.callers.identity import Caller
from shared.kernel.actor import Actor

COMMAND_LINE: Final = Caller("command_line", None, None)


def person() -> Actor:
    """Who sits at the terminal, as the operating system knows them."""
    try:
        return Actor("command_line", getpass.getuser())
    except (OSError, KeyError):
        return Actor("command_line", "unknown")
