"""SQL lives in `.sql` files beside its store: this room cuts them into named statements. It knows no database.

A file is a sequence of sections, each `-- name: read_challenge` and then a comment that says its purpose and the
locks it takes, in which order. The comment stays in the statement, so that `pg_stat_activity` shows the name.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

_SECTION = re.compile(r"^-- name: *(\S+) *$", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_COMMENT = re.compile(r"--.*")


@cache
def load(package: str, file: str = "queries.sql") -> Mapping[str, str]:
    """The statements of `file` in `package`, by name. Raises `ValueError` for a file that is not well formed."""
    return MappingProxyType(parse(resources.files(package).joinpath(file).read_text("utf-8")))


def parse(text: str) -> dict[str, str]:
    """Cut `text` at its `-- name:` lines; refuse doubled, odd and empty names, and SQL before the first one."""
    preamble, *sections = _SECTION.split(text)
    if _without_comments(preamble):
        raise ValueError("SQL before the first '-- name:' line")
    statements: dict[str, str] = {}
    for name, body in zip(sections[::2], sections[1::2], strict=True):
        if not _NAME.fullmatch(name):
            raise ValueError(f"statement name {name!r} is not a lower-case identifier")
        if name in statements:
            raise ValueError(f"statement {name!r} is defined twice")
        if not _without_comments(body):
            raise ValueError(f"statement {name!r} is empty")
        statements[name] = f"-- {name}\n{body.strip().removesuffix(';')}"
    return statements


def _without_comments(sql: str) -> str:
    return _COMMENT.sub("", sql).strip()
