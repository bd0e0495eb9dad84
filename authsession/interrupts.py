"""Ctrl-C while Python imports ends the process at once and without a traceback. Import this module first."""

import signal


def end_at_once() -> None:
    """From now on the signal ends the process, as if nothing handled it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_again() -> None:
    """From now on the signal raises `KeyboardInterrupt`, which the commands answer."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


end_at_once()
