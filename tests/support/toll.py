"""The cost of a fault, as one row of the table that a run of `tests/chaos` ends with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from tests.support.census import Census
from tests.support.load import UNANSWERED, Load


@dataclass(frozen=True, slots=True)
class TollRow:
    """The cost of a fault that came once. `refused` counts tries answered with 503 or not at all, which were repeated.
    `healed` is in seconds.
    """

    fault: str
    tries: int
    acknowledged: int
    refused: int
    lost: int
    doubled: int
    healed: float


Toll = Callable[[str, Load, Census, float], None]
"""Notes a row from the fault's name, load, census and seconds to heal."""


def toll_row(fault: str, load: Load, census: Census, healed: float) -> TollRow:
    return TollRow(
        fault,
        tries=sum(load.statuses.values()),
        acknowledged=load.acknowledged,
        refused=load.statuses[503] + load.statuses[UNANSWERED],
        lost=len(census.lost) + len(census.revived),
        doubled=len(census.doubled),
        healed=healed,
    )


def table(rows: Sequence[TollRow]) -> list[str]:
    """The rows as a Markdown table. Each fault has one line, with sums and the longest time to heal."""
    names = ("fault", "times", "tries", "acknowledged", "refused", "lost", "doubled", "healed, at most")
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    for fault, group in groupby(rows, lambda row: row.fault):
        lines.append(f"| {fault} | {' | '.join(_summed(list(group)))} |")
    return lines


def _summed(rows: Sequence[TollRow]) -> Sequence[str]:
    columns = [(row.tries, row.acknowledged, row.refused, row.lost, row.doubled) for row in rows]
    sums = [sum(column) for column in zip(*columns, strict=True)]
    return [str(len(rows)), *map(str, sums), f"{max(row.healed for row in rows):.1f} s"]
