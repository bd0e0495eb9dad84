"""The table of what each fault cost; it is printed at the end, also when other processes ran the tests."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict

import pytest

from tests.support.census import Census
from tests.support.load import Load
from tests.support.toll import Toll, TollRow, table, toll_row

_PROPERTY = "toll"


@pytest.fixture
def toll(record_property: Callable[[str, object], None]) -> Toll:
    def note(fault: str, load: Load, census: Census, healed: float) -> None:
        record_property(_PROPERTY, json.dumps(asdict(toll_row(fault, load, census, healed))))

    return note


@pytest.fixture
def rounds() -> int:
    """How often a fault comes: once in `make test`, more often in `make chaos`."""
    return int(os.environ.get("CHAOS_ROUNDS", "1"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    noted = [value for report in reports for name, value in report.user_properties if name == _PROPERTY]
    if noted:
        terminalreporter.section("what each fault cost")
        for line in table([TollRow(**json.loads(row)) for row in noted]):
            terminalreporter.write_line(line)
