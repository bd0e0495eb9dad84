"""Destructive commands ask for confirmation; a program confirms with `--yes` (SPEC §1.4)."""

import argparse
import sys


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Adds the option `--yes`."""
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def is_confirmed(consequence: str, *, yes: bool) -> bool:
    """Whether the user agrees to `consequence`, a sentence without its full stop.

    Without a terminal the answer is no, unless `yes` is set. A refusal is explained on standard error.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        print(f"authsession: {consequence}: repeat the command with --yes", file=sys.stderr)
        return False
    print(f"{consequence}. Continue? [y/N] ", end="", file=sys.stderr, flush=True)
    agreed = sys.stdin.readline().strip().lower() in ("y", "yes")
    if not agreed:
        print("authsession: nothing was changed", file=sys.stderr)
    return agreed
