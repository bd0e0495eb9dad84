"""Every regular expression of ours does linear work on any input (docs/decisions/0042-the-wire.md).

Found by reading the code, so a new one is judged from its first day.
"""

import ast
import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import pytest

from tests.support.counted_patterns import CountedPattern, TooManySteps

ROOT = Path(__file__).parents[2]
FOLDERS = ("contracts", "shared", "services", "clients")
OF_OUR_OWN_WORDS = {
    ROOT / "clients/gateway/setup.py",  # reads our files when the package is built
    ROOT / "clients/node/setup.py",  # the same
    ROOT / "services/public_auth/mail/moulds.py",  # reads a letter that we wrote around stand-ins
}
SEARCHING = {"search", "sub", "subn", "split", "findall", "finditer"}
SHORT, LONG = 40, 160
MOST = 10_000
"""Steps: a pattern with two repetitions that take the same characters needs 12,800 for the long input."""


@dataclass(frozen=True, slots=True)
class Found:
    module: str
    name: str
    is_searched: bool

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def pattern(self) -> re.Pattern[Any]:
        return getattr(importlib.import_module(self.module), self.name)


def found_in(path: Path) -> list[Found]:
    tree = parsed(path)
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    searched = {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in SEARCHING and isinstance(node.value, ast.Name)
    }
    return [
        Found(module, node.targets[0].id, node.targets[0].id in searched)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and is_compile(node.value)
    ]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def is_call_of_re(node: ast.AST) -> TypeGuard[ast.Call]:
    """Of something of the module `re` that takes a pattern."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr != "escape"
    )


def is_compile(node: ast.AST) -> bool:
    return is_call_of_re(node) and isinstance(node.func, ast.Attribute) and node.func.attr == "compile"


FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if path not in OF_OUR_OWN_WORDS]
PATTERNS = [found for path in FILES for found in found_in(path)]


def test_each_use_of_re_is_a_pattern_that_stands_at_the_top_of_its_module() -> None:
    """So that the test below finds it."""
    calls = [(path, node) for path in FILES for node in ast.walk(parsed(path)) if is_call_of_re(node)]
    inline = [f"{path}:{node.lineno}" for path, node in calls if not is_compile(node)]
    assert inline == []
    assert len(calls) == len(PATTERNS) > 20


@pytest.mark.parametrize("found", PATTERNS, ids=str)
def test_a_pattern_does_linear_work(found: Found) -> None:
    counted = CountedPattern(found.pattern, is_searched=found.is_searched)
    try:
        short = max((counted.steps(attack, most=MOST) for attack in counted.attacks(SHORT)), default=0)
        long = max((counted.steps(attack, most=MOST) for attack in counted.attacks(LONG)), default=0)
    except TooManySteps:
        pytest.fail(f"{found.pattern.pattern!r} is not linear")
    assert long <= 6 * short + 100


@pytest.mark.parametrize(
    "text",
    [
        r"[ \t]*((?:[!-~](?:[ \t!-~]*[!-~])?)?)[ \t]*",  # what held the loop for a second
        r"[ \t]*([^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?[ \t]*",  # h11's
        r"([0-9a-f]{1,20})(;.*)?[ \t]*\r\n",  # h11's
        r"(a+)+b",
        r"a*a*b",
        r".*x.*y",
    ],
)
def test_this_test_finds_what_is_not_linear(text: str) -> None:
    counted = CountedPattern(re.compile(text))
    try:
        short = max(counted.steps(attack, most=MOST) for attack in counted.attacks(SHORT))
        long = max(counted.steps(attack, most=MOST) for attack in counted.attacks(LONG))
    except TooManySteps:
        return
    assert long > 6 * short + 100
