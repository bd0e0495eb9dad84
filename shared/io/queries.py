"""Loads named SQL statements from the `.sql` files beside the stores.

A file is a sequence of sections. Each begins with `-- name: read_challenge` and a comment that says the purpose of the
statement, and which locks it takes in which order. The name and the comment stay in the text of the statement, so that
`pg_stat_activity` shows them.

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
"""The text of a statement and its arguments in the order of their numbers, as a driver's `fetch` takes them."""

_SECTION = re.compile(r"^-- name: *(\S+) *$", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_COMMENT = re.compile(r"--.*")
_NOTABLE = re.compile(r"--|/\*|['\"]|(?<![\w$])\$(?:[a-z_]\w*)?\$|(?<![:\w]):(?P<name>[a-z_]\w*)")
"""A parameter, or the beginning of a comment, a literal, a quoted name or a dollar-quoted body."""
_CLOSINGS = {"--": "\n", "/*": "*/"}
"""The ends of comments, by their beginnings. Other texts that `_NOTABLE` finds end as they begin."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A named statement. A call with all parameters by name binds them."""

    name: str
    text: str
    parameters: tuple[str, ...]

    def __call__(self, /, **values: Any) -> Bound:
        """The arguments for a driver's `fetch`. Raises `TypeError` if a parameter is missing or unknown."""
        try:
            bound = (self.text, *map(values.__getitem__, self.parameters))
        except KeyError:
            raise self._mismatch(values) from None
        if len(bound) != len(values) + 1:
            raise self._mismatch(values)
        return bound

    def many(self, rows: Iterable[Mapping[str, Any]]) -> tuple[str, list[tuple[Any, ...]]]:
        """The arguments for a driver's `executemany`. Raises `TypeError` if a row's parameter is missing or unknown."""
        return self.text, [self(**row)[1:] for row in rows]

    def _mismatch(self, values: Mapping[str, Any]) -> TypeError:
        """The error with names only, because messages reach logs, and values may be secrets."""
        missing = sorted(set(self.parameters) - values.keys())
        unknown = sorted(values.keys() - set(self.parameters))
        return TypeError(f"statement {self.name!r} was bound wrongly: missing {missing}, unknown {unknown}")


@cache
def load(package: str, file: str = "queries.sql") -> Mapping[str, Statement]:
    """The statements of `file` in `package` by name, read once. Raises `ValueError` for a malformed file."""
    return MappingProxyType(parse(resources.files(package).joinpath(file).read_text("utf-8")))


def columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """The values of each name as an array, for a statement that writes several rows. At least one row is required."""
    names = rows[0].keys()
    return dict(zip(names, zip(*([row[name] for name in names] for row in rows), strict=True), strict=True))


def parse(text: str) -> dict[str, Statement]:
    """Split `text` at its `-- name:` lines.

    Raises `ValueError` for a repeated or malformed name, an empty statement, or SQL before the first name.
    """
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
    """`sql` with `$1`, `$2`, … in place of its parameters, and the names of these in order."""
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
    """The end of the text that `opening` begins. A doubled quote counts as two literals, which has the same end."""
    closing = _CLOSINGS.get(opening[0], opening[0])
    start = sql.find(closing, opening.end())
    return len(sql) if start < 0 else start + len(closing)


def _without_comments(sql: str) -> str:
    return _COMMENT.sub("", sql).strip()
