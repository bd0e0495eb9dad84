"""A table of each fault's cost, printed at the end of the run, even when xdist's workers ran the tests."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import chain

import pytest

from tests.support.census import Census
from tests.support.load import Load
from tests.support.toll import Toll, TollRow, table, toll_row

_PROPERTY = "toll"
_LINES = "lines"


@pytest.fixture
def toll(record_property: Callable[[str, object], None]) -> Toll:
    def note(fault: str, load: Load, census: Census, healed: float) -> None:
        record_property(_PROPERTY, json.dumps(asdict(toll_row(fault, load, census, healed))))

    return note


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[Sequence[str]], None]:
    """Accepts lines that are printed at the end, whether the test passes or fails."""
    return lambda lines: record_property(_LINES, json.dumps(list(lines)))


@pytest.fixture
def rounds() -> int:
    """The number of times that a fault comes: once in `make test`, more often in `make chaos`."""
    return int(os.environ.get("CHAOS_ROUNDS", "1"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    noted = [value for report in reports for name, value in report.user_properties if name == _PROPERTY]
    told = [json.loads(value) for report in reports for name, value in report.user_properties if name == _LINES]
    if told:
        terminalreporter.section("random faults")
        for line in chain.from_iterable(told):
            terminalreporter.write_line(line)
    if noted:
        terminalreporter.section("what each fault cost")
        for line in table([TollRow(**json.loads(row)) for row in noted]):
            terminalreporter.write_line(line)
