"""SQL lives in `.sql` files beside its store: this room cuts them into named statements. It knows no database.

A file is a sequence of sections, each `-- name: read_challenge` and then a comment that says its purpose and the
locks it takes, in which order. The comment stays in the statement, so that `pg_stat_activity` shows the name.

A statement writes its parameters as `:user_name`. Loading numbers them once, by first appearance, because Postgres
knows them only as `$1`. Store code binds by name: `await connection.fetchrow(*SQL["read_account"](user_name=name))`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

Bound = tuple[str, *tuple[Any, ...]]
"""The text of a statement, then its arguments in the order of their numbers: what a driver's `fetch` takes."""

_SECTION = re.compile(r"^-- name: *(\S+) *$", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_COMMENT = re.compile(r"--.*")
_NOTABLE = re.compile(r"--|/\*|['\"]|(?<![\w$])\$(?:[a-z_]\w*)?\$|(?<![:\w]):(?P<name>[a-z_]\w*)")
"""A parameter, or the beginning of a comment, a literal, a quoted name or a dollar-quoted body."""
_CLOSINGS = {"--": "\n", "/*": "*/"}
"""How a comment ends. Everything else that `_NOTABLE` finds ends as it begins."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One named statement. Calling it with its parameters, each by its name, binds them."""

    name: str
    text: str
    parameters: tuple[str, ...]

    def __call__(self, /, **values: Any) -> Bound:
        """Return what a driver's `fetch` takes. Raises `TypeError` if a parameter is missing or unknown."""
        try:
            bound = (self.text, *map(values.__getitem__, self.parameters))
        except KeyError:
            raise self._mismatch(values) from None
        if len(bound) != len(values) + 1:
            raise self._mismatch(values)
        return bound

    def many(self, rows: Iterable[Mapping[str, Any]]) -> tuple[str, list[tuple[Any, ...]]]:
        """Return what a driver's `executemany` takes. Raises as a call does."""
        return self.text, [self(**row)[1:] for row in rows]

    def _mismatch(self, values: Mapping[str, Any]) -> TypeError:
        """Names only: a message ends up in logs, and values are secrets."""
        missing = sorted(set(self.parameters) - values.keys())
        unknown = sorted(values.keys() - set(self.parameters))
        return TypeError(f"statement {self.name!r} was bound wrongly: missing {missing}, unknown {unknown}")


@cache
def load(package: str, file: str = "queries.sql") -> Mapping[str, Statement]:
    """The statements of `file` in `package`, by name. Raises `ValueError` for a file that is not well formed."""
    return MappingProxyType(parse(resources.files(package).joinpath(file).read_text("utf-8")))


def columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Return the array of each name, for a statement that writes several rows. There must be one row at least."""
    names = rows[0].keys()
    return dict(zip(names, zip(*([row[name] for name in names] for row in rows), strict=True), strict=True))


def parse(text: str) -> dict[str, Statement]:
    """Cut `text` at its `-- name:` lines; refuse doubled, odd and empty names, and SQL before the first one."""
    preamble, *sections = _SECTION.split(text)
    if _without_comments(preamble):
        raise ValueError("SQL before the first '-- name:' line")
    statements: dict[str, Statement] = {}
    for name, body in zip(sections[::2], sections[1::2], strict=True):
        if not _NAME.fullmatch(name):
            raise ValueError(f"statement name {name!r} is not a lower-case identifier")
        if name in statements:
            raise ValueError(f"statement {name!r} is defined twice")
        if not _without_comments(body):
            raise ValueError(f"statement {name!r} is empty")
        numbered, parameters = _numbered(body.strip().removesuffix(";"))
        statements[name] = Statement(name, f"-- {name}\n{numbered}", parameters)
    return statements


def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return `sql` with `$1`, `$2`, … in place of its parameters, and their names in that order."""
    pieces: list[str] = []
    numbers: dict[str, int] = {}
    done = 0
    while found := _NOTABLE.search(sql, done):
        name = found["name"]
        end = found.end() if name else _end(sql, found)
        pieces.append(sql[done : found.start()])
        pieces.append(f"${numbers.setdefault(name, len(numbers) + 1)}" if name else sql[found.start() : end])
        done = end
    return "".join(pieces) + sql[done:], tuple(numbers)


def _end(sql: str, opening: re.Match[str]) -> int:
    """Where the text ends that `opening` opens. A doubled quote reads as the next literal, which comes to the same."""
    closing = _CLOSINGS.get(opening[0], opening[0])
    start = sql.find(closing, opening.end())
    return len(sql) if start < 0 else start + len(closing)


def _without_comments(sql: str) -> str:
    return _COMMENT.sub("", sql).strip()
