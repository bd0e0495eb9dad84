"""Destructive commands ask first: `--yes` answers for a program (SPEC §1.4)."""

import argparse
import sys


def add_yes(parser: argparse.ArgumentParser) -> None:
    """The option that answers the question."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def is_confirmed(consequence: str, *, yes: bool) -> bool:
    """Whether the person at the terminal agrees to `consequence`, a sentence without its full stop.

    Without a terminal nobody can be asked: only `--yes` agrees. A refusal says why on standard error.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        print(f"authsession: {consequence}: repeat the command with --yes", file=sys.stderr)
        return False
    print(f"{consequence}. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    agreed = sys.stdin.readline().strip().lower() in ("y", "yes")
    if not agreed:
        print("authsession: nothing was changed", file=sys.stderr)
    return agreed
