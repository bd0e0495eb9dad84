"""Output of lists: a table for people, JSON for programs."""

import argparse
import json
from collections.abc import Sequence
from datetime import datetime


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds the option `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON, as the control plane answers it")


def print_json(encoded: bytes) -> None:
    """The JSON of an answer, indented."""
    print(json.dumps(json.loads(encoded), indent=2, ensure_ascii=False))


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str | None]]) -> None:
    """Columns as wide as their widest value; `-` for a value that is not there."""
    lines = [tuple(heads), *(tuple(value or "-" for value in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(f"{value:<{width}}" for value, width in zip(line, widths, strict=True)).rstrip())


def instant(value: datetime | None) -> str | None:
    """Whole seconds in UTC."""
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")
