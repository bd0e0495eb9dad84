"""What a fault cost, as one row of the table that a run of `tests/chaos` ends with."""

from collections.abc import Callable
from dataclasses import dataclass, fields

from tests.support.census import Census
from tests.support.load import UNANSWERED, Load


@dataclass(frozen=True, slots=True)
class TollRow:
    """`refused`: answered 503 or not at all, and repeated. `healed`: seconds, or what it was if it was none."""

    fault: str
    tries: int
    acknowledged: int
    refused: int
    lost: int
    doubled: int
    healed: str


Toll = Callable[[str, Load, Census, float], None]
"""Takes note of a row: fault, load, census, seconds to heal."""


def toll_row(fault: str, load: Load, census: Census, healed: float) -> TollRow:
    return TollRow(
        fault,
        tries=sum(load.statuses.values()),
        acknowledged=load.acknowledged,
        refused=load.statuses[503] + load.statuses[UNANSWERED],
        lost=len(census.lost) + len(census.revived),
        doubled=len(census.doubled),
        healed=f"{healed:.1f} s",
    )


def table(rows: list[TollRow]) -> list[str]:
    """In Markdown."""
    names = [field.name for field in fields(TollRow)]
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    return lines + ["| " + " | ".join(str(getattr(row, name)) for name in names) + " |" for row in rows]
