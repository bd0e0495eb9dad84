"""The measured half of docs/evidence/compared.md and its plots: medians, ratios and results of the probes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.peers.comparison import Case
from bench.peers.measurement import Measurement, median
from bench.peers.plots import bar_chart

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence"
PAGE = EVIDENCE / "compared.md"
PLOTS = EVIDENCE / "compared"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
OURS = "authsession"

Results = Mapping[Case, Sequence[Measurement]]
Probes = Mapping[str, Mapping[str, str]]

_COLUMNS = (
    "clients",
    "system",
    "logins/s (range)",
    "ours are × as many",
    "p50, p95, p99 ms",
    "CPU ms a login: service + Postgres",
    "× ours",
    "commits (writing) a login",
    "memory MiB",
    "code comes after ms",
    "generator CPU ms",
)


def measured_part(facts: Sequence[str], results: Results, probes: Probes) -> str:
    """Markdown. `facts`: when, where, with which versions."""
    parts = ["\n".join(f"* {fact}" for fact in facts)]
    for users in ("returning", "new") if results else ():
        parts += [f"### {users.capitalize()} users", speed_table(results, users)]
    if probes:
        parts += ["### Under attack, limits at their defaults", probe_table(probes)]
    return "\n\n".join(parts)


def speed_table(results: Results, users: str) -> str:
    cases = sorted((case for case in results if case.users == users), key=lambda case: case.clients)
    return "\n".join([*_head(_COLUMNS), *(_row(_speed_cells(results, case)) for case in cases)])


def _speed_cells(results: Results, case: Case) -> Sequence[str]:
    runs = results[case]
    of, ours = median(runs), median(results.get(Case(OURS, case.users, case.clients), runs))
    speeds = [run.logins_a_second for run in runs]
    return (
        str(case.clients),
        case.system,
        f"{of.logins_a_second:.0f} ({min(speeds):.0f}–{max(speeds):.0f})",
        f"{ours.logins_a_second / of.logins_a_second:.2f}",
        f"{of.p50:.1f}, {of.p95:.1f}, {of.p99:.1f}",
        f"{of.service_cpu:.2f} + {of.postgres_cpu:.2f}",
        f"{of.cpu / ours.cpu:.2f}",
        f"{of.commits:.1f} ({of.writing_commits:.1f})",
        f"{of.memory:.0f}",
        f"{of.mail_p50:.0f}",
        f"{of.generator_cpu:.2f}",
    )


def probe_table(probes: Probes) -> str:
    """A row a probe; a dash where it makes no sense for the system."""
    names = list(dict.fromkeys(name for results in probes.values() for name in results))
    rows = ([name, *(results.get(name, "–") for results in probes.values())] for name in names)
    return "\n".join([*_head(["probe", *probes]), *map(_row, rows)])


def _head(names: Sequence[str]) -> list[str]:
    return [_row(names), _row(["---"] * len(names))]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def charts(results: Results) -> dict[str, str]:
    """SVG by file name."""
    numbers: dict[str, tuple[str, Callable[[Measurement], float]]] = {
        "logins-per-second": ("logins a second", lambda of: of.logins_a_second),
        "logins-per-cpu-second": ("logins a CPU second, service and Postgres", lambda of: of.logins_a_cpu_second),
        "p99": ("p99 of a login, ms", lambda of: of.p99),
    }
    return {f"{name}.svg": _chart(results, title, number) for name, (title, number) in numbers.items()}


def _chart(results: Results, title: str, number: Callable[[Measurement], float]) -> str:
    systems = list(dict.fromkeys(case.system for case in results))
    clients = sorted({case.clients for case in results})
    series = {
        system: [number(median(results[Case(system, "returning", count)])) for count in clients] for system in systems
    }
    return bar_chart(f"Returning users: {title}", [f"{count} clients" for count in clients], series)


def write_page(facts: Sequence[str], results: Results, probes: Probes) -> None:
    """Put what was measured into the page, between its two marks, and the plots beside it."""
    text = PAGE.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{measured_part(facts, results, probes)}\n{END}{after}")
    PLOTS.mkdir(exist_ok=True)
    for name, svg in charts(results).items():
        (PLOTS / name).write_text(svg)
