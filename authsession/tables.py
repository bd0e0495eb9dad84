"""Output of lists: a table for people, JSON for programs."""

import argparse
import json
import textwrap
from collections.abc import Sequence
from datetime import datetime

WIDTH = 100
"""The width of a terminal that the tables are made for."""


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds the option `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON, as the control plane answers it")


def print_json(encoded: bytes) -> None:
    """The JSON of an answer, indented."""
    print(json.dumps(json.loads(encoded), indent=2, ensure_ascii=False))


def print_table(
    heads: Sequence[str], rows: Sequence[Sequence[str | None]], below: Sequence[str | None] | None = None
) -> None:
    """Columns as wide as their widest value; `-` for a value that is not there.

    `below` has a text for each row, or None. It stands below its row, because its length would widen the table.
    """
    lines = [tuple(heads), *(tuple(value or "-" for value in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line, text in zip(lines, [None, *(below or [None] * len(rows))], strict=True):
        print("  ".join(f"{value:<{width}}" for value, width in zip(line, widths, strict=True)).rstrip())
        if text:
            print(textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  "))


def instant(value: datetime | None) -> str | None:
    """Whole seconds in UTC."""
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")
