"""Laws of SQL files: sections by name, nothing ambiguous, nothing lost."""

import re
import sys
from pathlib import Path

import pytest

from shared.io.queries import load, parse


def test_a_file_is_cut_at_its_names_and_each_statement_shows_its_name() -> None:
    statements = parse(
        "-- What the file holds.\n\n-- name: read_row\n-- Why.\nselect 1\n  -- inside\n  from t;\n\n"
        "-- name: write_row\nupdate t\n"
    )
    assert statements == {
        "read_row": "-- read_row\n-- Why.\nselect 1\n  -- inside\n  from t",
        "write_row": "-- write_row\nupdate t",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("select 1;\n-- name: a\nselect 2", "before the first"),
        ("-- name: a\nselect 1\n-- name: a\nselect 2", "twice"),
        ("-- name: a\n-- only a comment\n", "empty"),
        ("-- name: Read-Row\nselect 1", "lower-case"),
    ],
)
def test_an_ambiguous_file_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        parse(text)


def test_a_package_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package_of_queries"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "queries.sql").write_text("-- name: read_e\nselect 'é'", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    statements = load("package_of_queries")
    assert statements["read_e"] == "-- read_e\nselect 'é'"
    assert load("package_of_queries") is statements
    del sys.modules["package_of_queries"]
