"""`docs/reference/cli.md`, from the parser of the command `authsession`."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from authsession.command_line import command_line
from docs.generate import markdown

_HEAD = """\
The exit status is 0 for success, 1 for a failure, 2 for a wrong command line and 78 for a wrong configuration.
A command that ends or deletes something asks first; `--yes` answers for a program.
Commands find the database by `AUTHSESSION_POSTGRES_DSN` ([configuration](configuration.md)).
Where `authsession up` runs in the same folder they find its servers themselves."""


def page() -> str:
    """The whole page."""
    return markdown.page("Command line", "`authsession/command_line.py`", _HEAD, *_sections(command_line(), ""))


# The parts of a parser are reached by private names only; they are the same from Python 3.11 to 3.13.
def _sections(parser: argparse.ArgumentParser, meaning: str) -> Iterator[str]:
    """One section for each command that can be given, in the order of the help."""
    actions = [each for each in parser._actions if each.dest != "help"]  # noqa: SLF001
    commands = next((each for each in actions if isinstance(each.choices, Mapping)), None)
    if commands is None:
        yield _section(parser.prog, meaning, actions)
        return
    listed = cast("Sequence[argparse.Action]", getattr(commands, "_choices_actions"))  # noqa: B009 - as `_actions`
    meanings = {each.dest: each.help or "" for each in listed}
    for name, below in cast("Mapping[str, argparse.ArgumentParser]", commands.choices).items():
        yield from _sections(below, meanings.get(name, ""))


def _section(command: str, meaning: str, actions: Sequence[argparse.Action]) -> str:
    usage = " ".join([command, *map(_usage, actions)])
    rows = [(markdown.code(_name(each)), _sentence(each.help or "")) for each in actions]
    parts = [f"## {command}", _sentence(meaning), markdown.block(usage, "sh")]
    return "\n\n".join(parts + ([markdown.table(("Argument", "Meaning"), rows)] if rows else []))


def _usage(action: argparse.Action) -> str:
    repeated = " …" * (type(action).__name__ == "_AppendAction")
    is_needed = action.required and action.nargs != "?"
    return (_name(action) if is_needed else f"[{_name(action)}]") + repeated


def _name(action: argparse.Action) -> str:
    """`--scope SCOPE` or `NAME`."""
    value = "" if action.nargs == 0 else _value(action)
    return " ".join(word for word in (*action.option_strings[-1:], value) if word)


def _value(action: argparse.Action) -> str:
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest.upper())


def _sentence(text: str) -> str:
    """A help text of the parser, which begins small and ends without a full stop."""
    return text[:1].upper() + text[1:] + "." if text else ""
