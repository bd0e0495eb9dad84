"""The rules of `docs/contributing/style.md` that a program can judge."""

import re
from pathlib import Path

import pytest

from tests.support.prose import (
    broken_lines,
    headless_comments,
    headless_docstrings,
    headless_tests,
    long_docstrings,
    long_sentences,
)

ROOT = Path(__file__).parents[3]
FOLDERS = (
    "authsession",
    "bench",
    "clients",
    "contracts",
    "docs",
    "examples",
    "requirements",
    "services",
    "shared",
    "tests",
)

LAYER = re.compile(r'"{3}(Api|Flows?|Domain|Store|Workers?): ')
"""A docstring that repeats the name of its file or folder."""


def pages() -> list[str]:
    paths = [*ROOT.glob("*.md"), *(path for folder in (*FOLDERS, "deploy") for path in (ROOT / folder).rglob("*.md"))]
    return sorted({str(path.relative_to(ROOT)) for path in paths if "node_modules" not in path.parts})


def sources(folders: tuple[str, ...]) -> list[Path]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in paths if "node_modules" not in path.parts]


@pytest.mark.parametrize("page", pages())
def test_a_page_has_one_sentence_a_line(page: str) -> None:
    assert broken_lines((ROOT / page).read_text("utf-8")) == []


@pytest.mark.parametrize("page", pages())
def test_a_page_has_no_sentence_over_40_words(page: str) -> None:
    assert long_sentences((ROOT / page).read_text("utf-8")) == []


def test_no_docstring_begins_headless() -> None:
    assert [place for path in sources(FOLDERS) for place in headless_docstrings(path)] == []


def test_no_docstring_has_a_sentence_over_40_words() -> None:
    assert [place for path in sources(FOLDERS) for place in long_docstrings(path)] == []


def test_no_comment_of_a_statement_or_script_begins_headless() -> None:
    """Migrations are left out: their checksums are stored where they were applied."""
    paths = [path for folder in FOLDERS for kind in ("sql", "lua") for path in (ROOT / folder).rglob(f"*.{kind}")]
    read = [path for path in sorted(paths) if path.parent.name != "migrations"]
    assert [place for path in read for place in headless_comments(path)] == []


def test_no_docstring_begins_with_its_layer() -> None:
    """The first assertion shows that the second can fail."""
    assert LAYER.search('""' + '"Flow: list a user\'s sessions."')
    assert [path for path in sources(FOLDERS) if LAYER.search(path.read_text("utf-8"))] == []


def test_no_name_of_a_test_begins_headless() -> None:
    assert [name for path in sources(("tests",)) for name in headless_tests(path)] == []


def test_the_rules_of_lines_find_what_they_look_for() -> None:
    """So that the tests above can fail."""
    assert broken_lines("One. Two.\n\nIt goes\non.\n\n* Item `a. B`\n* (a) **Lead.** One.\n\n| One. Two. |\n") == [
        "line 1: more than one sentence",
        "line 3: a sentence goes on in the next line",
    ]
    assert long_sentences("a " * 41) == ["line 1: 41 words"]
    assert long_sentences("```\n" + "a " * 41 + "\n```\n") == []


def test_a_headless_docstring_and_test_are_found(tmp_path: Path) -> None:
    """So that the tests above can fail."""
    module = tmp_path / "test_module.py"
    module.write_text('"""Whoever calls."""\n\n\ndef test_who_waits() -> None:\n    """A law."""\n', "utf-8")
    assert headless_docstrings(module) == [f"{module}:1"]
    assert headless_tests(module) == ["test_who_waits"]


def test_a_long_docstring_and_a_headless_comment_are_found(tmp_path: Path) -> None:
    """So that the tests above can fail."""
    module, statements = tmp_path / "module.py", tmp_path / "queries.sql"
    module.write_text(f'"""One.\n\n{"a " * 21}\n{"a " * 20}"""\n\n"""* {"a " * 30}\n* {"a " * 30}"""\n', "utf-8")
    statements.write_text("-- name: read\n-- What is left.\nselect 1;\n-- The rows\n-- who wait.\nselect 2;\n", "utf-8")
    assert long_docstrings(module) == [f"{module}:1"]
    assert headless_comments(statements) == [f"{statements}:2"]
