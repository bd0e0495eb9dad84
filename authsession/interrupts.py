"""Lets Ctrl-C end the process without a traceback while Python imports. Import this module first."""

import signal


def end_at_once() -> None:
    """From now on SIGINT ends the process by the system's default action."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_again() -> None:
    """From now on SIGINT raises `KeyboardInterrupt`, which the commands handle."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


end_at_once()
