"""Every fact in a log line is a field that `shared.telemetry.logs` allows: the formatter drops everything else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.telemetry.logs import LOG_FIELDS

ROOT = Path(__file__).parents[2]
METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
SOURCES = sorted(path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py"))


def lost_facts(source: str) -> Iterator[str]:
    """Arguments of a template, and fields that are not allowed, of each call on `_log`."""
    for call in ast.walk(ast.parse(source)):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in METHODS):
            continue
        if ast.unparse(call.func.value) != "_log":
            continue
        yield from (ast.unparse(argument) for argument in call.args[1:])
        yield from (ast.unparse(argument) for argument in call.args[:1] if not isinstance(argument, ast.Constant))
        for keyword in call.keywords:
            if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
                names = {ast.literal_eval(key) for key in keyword.value.keys if key is not None}
                yield from sorted(names - LOG_FIELDS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_log_call_has_a_fact_that_its_line_would_lack(path: Path) -> None:
    assert list(lost_facts(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "call",
    ['_log.info("worker %s", name)', '_log.info(f"worker {name}")', '_log.info("x", extra={"email": name})'],
)
def test_a_call_that_loses_a_fact_is_found(call: str) -> None:
    assert len(list(lost_facts(call))) == 1


def test_a_call_that_loses_none_passes() -> None:
    assert list(lost_facts('_log.info("worker recovered", extra={"worker": name})')) == []
