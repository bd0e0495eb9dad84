"""The measured half of docs/evidence/growth.md, and its plots."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from authsession.embedded.postgres import EmbeddedPostgres
from bench.growth.measurement import Measured, Samples
from bench.growth.passes import Pass
from bench.peers.plots import bar_chart
from shared.kernel.clock import SystemClock
from tests.support.database import run_sql

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence"
PAGE = EVIDENCE / "growth.md"
PLOTS = EVIDENCE / "growth"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True, slots=True)
class Results:
    """`passes`: by size, a rebuild and, where it was asked for, a verification."""

    operations: Measured
    passes: Mapping[int, tuple[Pass, Pass | None]]


def facts(command: str, server: EmbeddedPostgres) -> list[str]:
    """One sentence each. Ask before the run: the load of the machine is then what others cause."""
    version = run_sql(server.dsn(), "show server_version")[0][0]
    return [
        f"`{command}`, {SystemClock().now():%Y-%m-%d %H:%M} UTC",
        f"{os.cpu_count()} cores, load average before the run {os.getloadavg()[0]:.1f}",
        f"Python {platform.python_version()}, Postgres {version}",
    ]


def measured_part(about: Sequence[str], results: Results) -> str:
    """Markdown."""
    parts = ["\n".join(f"* {fact}" for fact in about), "### One operation", operations_table(results.operations)]
    return "\n\n".join([*parts, "### All records", passes_table(results.passes)])


def operations_table(operations: Measured) -> str:
    sizes = list(next(iter(operations.values())))
    rows = [_operation_cells(name, by_size) for name, by_size in operations.items()]
    return "\n".join(map(_row, [["sessions", *map(number, sizes), "most / fewest"], ["---"] * (len(sizes) + 2), *rows]))


def _operation_cells(name: str, by_size: Mapping[int, Samples]) -> list[str]:
    samples = list(by_size.values())
    cells = [f"{one.p50:.1f}, {one.p99:.1f}; {one.postgres_cpu:.2f} + {one.services_cpu:.2f}" for one in samples]
    return [f"{name} ({len(samples[0].seconds)})", *cells, _growth_cell(samples[0], samples[-1])]


def _growth_cell(fewest: Samples, most: Samples) -> str:
    return f"{most.p50 / fewest.p50:.2f}; {most.postgres_cpu / fewest.postgres_cpu:.2f}, {most.cpu / fewest.cpu:.2f}"


def passes_table(passes: Mapping[int, tuple[Pass, Pass | None]]) -> str:
    names = ["sessions", "records", "rebuild, records/s", "CPU µs a record: process, Postgres, Redis",
             "verify, records/s", "the same", "Redis, bytes a record"]  # fmt: skip
    rows = [_pass_cells(size, *both) for size, both in passes.items()]
    return "\n".join(map(_row, [names, ["---"] * len(names), *rows]))


def _pass_cells(size: int, rebuild: Pass, verify: Pass | None) -> list[str]:
    speeds = [cell for one in (rebuild, verify) for cell in _speed_cells(one)]
    return [number(size), number(rebuild.records), *speeds, f"{rebuild.memory / rebuild.records:.0f}"]


def _speed_cells(one: Pass | None) -> tuple[str, str]:
    return ("–", "–") if one is None else (number(round(one.records_a_second)), _costs(one))


def _costs(one: Pass) -> str:
    return ", ".join(f"{seconds * 1e6 / one.records:.1f}" for seconds in (one.cpu, one.postgres, one.redis))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def number(value: int) -> str:
    """With commas."""
    return f"{value:,}"


def charts(results: Results) -> dict[str, str]:
    """SVG by file name."""
    sizes = list(results.passes)
    relative = {number(size): [_relative(each, size) for each in results.operations.values()] for size in sizes}
    speeds = {name: [_speed(both[place]) for both in results.passes.values()] for place, name in _PASSES}
    of_fewest = f"CPU of an operation, services and Postgres, % of that with {number(sizes[0])} sessions"
    return {
        "cpu-by-size.svg": bar_chart(of_fewest, list(results.operations), relative),
        "records-per-second.svg": bar_chart("Records a second", [number(size) for size in sizes], speeds),
    }


_PASSES = ((0, "rebuild"), (1, "verify"))


def _speed(one: Pass | None) -> float:
    return 0 if one is None else one.records_a_second


def _relative(by_size: Mapping[int, Samples], size: int) -> float:
    return 100 * by_size[size].cpu / next(iter(by_size.values())).cpu


def write_page(about: Sequence[str], results: Results) -> None:
    """Print what was measured and put it into the page, between its two marks, and the plots beside it."""
    measured = measured_part(about, results)
    print(f"\n{measured}")
    text = PAGE.read_text()
    PAGE.write_text(f"{text.split(BEGIN)[0]}{BEGIN}\n{measured}\n{END}{text.split(END)[1]}")
    PLOTS.mkdir(exist_ok=True)
    for name, svg in charts(results).items():
        (PLOTS / name).write_text(svg)
