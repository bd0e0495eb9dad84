"""Named statements name their parameters, and code gives each of them exactly these.

Binding raises when it runs; these tests tell before.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from shared.io.queries import parse

ROOT = Path(__file__).parents[2]
ROOMS = ("authsession", "bench", "services", "shared")


def texts() -> dict[Path, str]:
    """The files with named statements."""
    found = {path: path.read_text("utf-8") for path in files("*.sql")}
    return {path: text for path, text in found.items() if "-- name: " in text}


def parameters_by_statement() -> dict[str, list[set[str]]]:
    """Two files may use one name for statements of their own."""
    found: dict[str, list[set[str]]] = defaultdict(list)
    for text in texts().values():
        for name, statement in parse(text).items():
            found[name].append(set(statement.parameters))
    return found


def files(pattern: str) -> list[Path]:
    found = [path for room in ROOMS for path in (ROOT / room).rglob(pattern)]
    return [path for path in found if "migrations" not in path.parts]


def bindings(path: Path) -> Iterator[tuple[str, set[str], bool]]:
    """Each `…["statement"](name=…)`: the statement, the names, and whether more come by `**`."""
    text = path.read_text("utf-8")
    for node in ast.walk(ast.parse(text)) if '"](' in text else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Subscript):
            statement = ast.literal_eval(node.func.slice) if isinstance(node.func.slice, ast.Constant) else None
            names = {keyword.arg for keyword in node.keywords}
            yield str(statement), {name for name in names if name}, None in names


def test_no_parameter_is_a_number() -> None:
    """In a comment neither: it would be stale."""
    assert len(texts()) > 20
    assert [path.relative_to(ROOT) for path, text in texts().items() if re.search(r"\$\d", text)] == []


def test_each_binding_names_the_parameters_of_its_statement() -> None:
    known = parameters_by_statement()
    bound = [(path, *binding) for path in files("*.py") for binding in bindings(path) if binding[0] in known]
    assert len(bound) > 100
    wrong = [
        f"{path.relative_to(ROOT)}: {statement} takes {known[statement]}, is given {names}"
        for path, statement, names, has_more in bound
        if not any(names == taken or (has_more and names < taken) for taken in known[statement])
    ]
    assert wrong == []


def test_each_parameter_is_given_by_its_name() -> None:
    code = "".join(path.read_text("utf-8") for path in files("*.py"))
    given = {
        statement: sorted(name for name in names if f"{name}=" not in code and f'"{name}"' not in code)
        for statement, alternatives in parameters_by_statement().items()
        for names in alternatives
    }
    assert {statement: names for statement, names in given.items() if names} == {}
