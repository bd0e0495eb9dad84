"""Laws of SQL files: sections by name, nothing ambiguous, nothing lost."""

import re
import sys
import time
from pathlib import Path

import pytest

from shared.io.queries import Statement, columns, load, parse


def test_a_file_is_cut_at_its_names_and_each_statement_shows_its_name() -> None:
    statements = parse(
        "-- What the file holds.\n\n-- name: read_row\n-- Why.\nselect 1\n  -- inside\n  from t;\n\n"
        "-- name: write_row\nupdate t\n"
    )
    assert {name: statement.text for name, statement in statements.items()} == {
        "read_row": "-- read_row\n-- Why.\nselect 1\n  -- inside\n  from t",
        "write_row": "-- write_row\nupdate t",
    }


def statement(sql: str) -> Statement:
    return parse(f"-- name: one\n{sql}")["one"]


def test_parameters_are_numbered_by_first_appearance_and_each_has_one_number() -> None:
    read = statement("select :b::text, t[:first:], (:a), x=:b from t where c = any (:c_2) and d between -:a and :b")
    assert read.text == "-- one\nselect $1::text, t[$2:], ($3), x=$1 from t where c = any ($4) and d between -$3 and $1"
    assert read.parameters == ("b", "first", "a", "c_2")
    assert read(a=1, b=2, c_2=3, first=4) == (read.text, 2, 4, 1, 3)


@pytest.mark.parametrize(
    "untouched",
    [
        "select 1",
        "select a::text, b:: text, ids[2:], ids[1:n], ids[a : b]",
        "select f(a := 1, b:=c)",
        "select ':a', 'it''s :a', '', ':a -- :b'",
        "select E':a', '12:30:a'",
        'select ":a", "say "":a"""',
        "select $$:a$$, $x1$ :a $$ ' :b $x1$, a$b, a$$b$$c",
        "do $$ begin x := 1; end $$",
        "select 1 -- :a 'it\n",
        "select 1 /* :a ' $$ -- :b */ + 2",
    ],
)
def test_literals_quoted_names_bodies_comments_casts_slices_and_assignments_are_left_alone(untouched: str) -> None:
    read = statement(f"{untouched}\n, :end")
    assert (read.text, read.parameters) == (f"-- one\n{untouched}\n, $1", ("end",))


def test_a_comment_after_the_statement_ends_with_the_text() -> None:
    assert statement("select :a -- as :b").text == "-- one\nselect $1 -- as :b"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "missing ['a', 'b'], unknown []"),
        ({"a": "secret"}, "missing ['b'], unknown []"),
        ({"a": "secret", "b": "secret", "c": "secret"}, "missing [], unknown ['c']"),
        ({"a": "secret", "c": "secret"}, "missing ['b'], unknown ['c']"),
    ],
)
def test_binding_a_missing_or_unknown_name_raises_and_tells_no_value(values: dict[str, str], problem: str) -> None:
    with pytest.raises(TypeError) as raised:
        statement("select :a, :b")(**values)
    assert str(raised.value) == f"statement 'one' was bound wrongly: {problem}"


def test_a_statement_without_parameters_takes_none() -> None:
    read = statement("select 1")
    assert read() == (read.text,)
    with pytest.raises(TypeError, match="unknown"):
        read(a=1)


def test_a_parameter_may_have_any_name() -> None:
    assert statement("select :self, :name, :text")(self=1, name=2, text=3)[1:] == (1, 2, 3)


def test_many_rows_are_bound_each_by_its_names() -> None:
    write = statement("insert into t values (:a, :b)")
    assert write.many([{"b": 2, "a": 1}, {"a": 3, "b": 4}]) == (write.text, [(1, 2), (3, 4)])
    with pytest.raises(TypeError, match="missing"):
        write.many([{"a": 1}])


def test_rows_become_an_array_for_each_name_whatever_the_order_in_a_row() -> None:
    assert columns([{"a": 1, "b": 2}, {"b": 4, "a": 3}]) == {"a": (1, 3), "b": (2, 4)}
    assert columns([{"a": 1}]) == {"a": (1,)}
    with pytest.raises(KeyError):
        columns([{"a": 1, "b": 2}, {"a": 3}])


@pytest.mark.parametrize("part", [":a", "'", "$$", "$a$", "$a", '"', "--", "/*", "/**/", ":a::", "a:", "''", ":a\n"])
def test_numbering_takes_linear_time(part: str) -> None:
    begun = time.thread_time()
    statement("x" + part * 100_000)
    assert time.thread_time() - begun < 1


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
    assert statements["read_e"].text == "-- read_e\nselect 'é'"
    assert load("package_of_queries") is statements
    del sys.modules["package_of_queries"]
