"""The rules of `docs/contributing/style.md` that a program can judge: lines, sentences and first words."""

import ast
import inspect
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

MAX_WORDS = 40
HEADLESS = re.compile(r"(who|what|whoever|whatever)\b", re.IGNORECASE)
_MAY_BE_HEADLESS = re.compile(r"[\"']\s*(who|what)", re.IGNORECASE)
_CODE_BLOCK = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
_INDENTED_BLOCK = re.compile(r"(?<=\n\n)(?: {4}.*\n)+", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_IMAGE = re.compile(r"^!\[.*\]\(.*\)$", re.MULTILINE)
_CODE_SPAN = re.compile(r"(`+).+?\1")
_LINK_TARGET = re.compile(r"(?<=\])\([^)\s]*\)")
_ABBREVIATION = re.compile(r"\b(e\.g|i\.e|etc|vs|cf|No|approx)\.")
_SENTENCE_END = re.compile(r"(?<=[^\s.][.!?])[)*_\"”»]* +(?=[(*_\"“«]*[A-Z0-9§])")
_LINE_END = re.compile(r"[.!?:;…][)*_\"”»]*$")
_LEAD = re.compile(r"^((\*\*[^*]+\*\*|\*[^*]+\*|\([a-z0-9]\)) )+")
"""Words in bold that stand before a sentence as its title, and the letter of an item."""
_QUOTED = re.compile(r'"""(.*?)"""', re.DOTALL)
_WRAPPED = re.compile(r"\n *(?=[^\s*-])")
"""The end of a line that goes on in the next one."""
_MARKER = re.compile(r"^ *([*+-]|[0-9]+[.)]|#+|>|\|)(?: +|$)")


def prose_lines(markdown: str) -> Iterator[tuple[int, str]]:
    """The numbered lines of text, without code blocks, comments and images. A code span becomes the word `X`."""
    text = markdown
    for pattern in (_CODE_BLOCK, _INDENTED_BLOCK, _COMMENT, _IMAGE):
        text = pattern.sub(lambda found: "\n" * found[0].count("\n"), text)
    text = _LINK_TARGET.sub("", _CODE_SPAN.sub("X", text))
    yield from enumerate(_ABBREVIATION.sub(r"\1", text).split("\n"), start=1)


def sentences(line: str) -> list[str]:
    """The sentences of one line. Each cell of a table stands by itself."""
    cells = re.split(r"(?<!\\)\|", line) if line.lstrip().startswith("|") else [_MARKER.sub("", line)]
    plain = [_LEAD.sub("", cell.strip()) for cell in cells]
    return [sentence for cell in plain for sentence in _SENTENCE_END.split(cell) if sentence]


def broken_lines(markdown: str) -> list[str]:
    """Lines with more than one sentence, and lines that end within a sentence."""
    lines = list(prose_lines(markdown))
    found: list[str] = []
    for (number, line), (_, following) in zip(lines, [*lines[1:], (0, "")], strict=True):
        marker = _MARKER.match(line)
        if line.lstrip().startswith("|") or not line.strip():
            continue
        if len(sentences(line)) > 1:
            found.append(f"line {number}: more than one sentence")
        goes_on = following.strip() != "" and not _MARKER.match(following)
        is_heading = marker is not None and marker[1].startswith("#")
        if goes_on and not is_heading and not _LINE_END.search(line.rstrip()):
            found.append(f"line {number}: a sentence goes on in the next line")
    return found


def long_sentences(markdown: str) -> list[str]:
    """Sentences over `MAX_WORDS`."""
    return [
        f"line {number}: {len(sentence.split())} words"
        for number, line in prose_lines(markdown)
        for sentence in sentences(line)
        if len(sentence.split()) > MAX_WORDS
    ]


def headless_docstrings(path: Path) -> list[str]:
    """Docstrings that begin with who, what, whoever or whatever, by their line."""
    if not _MAY_BE_HEADLESS.search(path.read_text("utf-8")):
        return []  # parsing every file takes seconds
    return [f"{path}:{line}" for line, text in docstrings(path) if HEADLESS.match(text)]


def long_docstrings(path: Path) -> list[str]:
    """Docstrings with a sentence over `MAX_WORDS`, by their line. Lines of one paragraph or item are joined."""
    if not any(map(_is_long, _QUOTED.findall(path.read_text("utf-8")))):
        return []  # parsing every file takes seconds
    return [f"{path}:{line}" for line, text in docstrings(path) if _is_long(text)]


def _is_long(docstring: str) -> bool:
    if len(docstring.split()) <= MAX_WORDS:
        return False
    return bool(long_sentences(_WRAPPED.sub(" ", inspect.cleandoc(docstring))))


def headless_comments(path: Path) -> list[str]:
    """Comments of SQL and Lua that begin with who, what, whoever or whatever, by their line.

    A comment may go on in the next line, so only its first line counts.
    """
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    return [
        f"{path}:{number}"
        for number, (before, line) in enumerate(pairwise(["", *lines]), start=1)
        if HEADLESS.match(line.removeprefix("-- ")) and line.startswith("-- ") and _begins_comment(before)
    ]


def _begins_comment(line_before: str) -> bool:
    return not line_before.startswith("--") or line_before.startswith("-- name:") or line_before.endswith(".")


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Every text that stands alone as a statement: docstrings, and the notes below constants and fields."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value.strip()


def headless_tests(path: Path) -> list[str]:
    """Names of tests whose first word after `test` is who, what, whoever or whatever."""
    return re.findall(
        r"^ *(?:async )?def (test_(?:who|what|whoever|whatever)_\w*)", path.read_text("utf-8"), re.MULTILINE
    )
