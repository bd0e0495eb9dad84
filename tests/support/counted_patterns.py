"""Counts the steps of a regular expression without a clock: a plain backtracking matcher over Python's own parse tree.

`re` backtracks in the same way and skips some of these steps, so a pattern that is linear here is linear in `re`.
`attacks` makes inputs from the pattern alone. They hurt a pattern that can match one character in two ways.
"""

import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

code, parser = import_module("re._constants"), import_module("re._parser")  # no public module has the parse tree

Nodes = list[tuple[Any, Any]]
Then = Callable[[int], bool]
SEEDS = "ab zAZ09-_.:;,/@%*+=\"'<>[]()\\\t\r\n\x00\x80\xe9\u0660"
"""One character of each kind that a pattern may tell apart."""
_REPEATS = (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT)
_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    code.CATEGORY_DIGIT: str.isdecimal,
    code.CATEGORY_SPACE: str.isspace,
    code.CATEGORY_WORD: lambda character: character.isalnum() or character == "_",
    code.CATEGORY_NOT_SPACE: lambda character: not character.isspace(),
}


class TooManySteps(Exception):
    """The match took more steps than allowed."""


class CountedPattern:
    """One pattern. It is tried as `fullmatch` does, or from each position as `search` does."""

    def __init__(self, pattern: re.Pattern[Any], *, is_searched: bool = False) -> None:
        self.nodes: Nodes = list(parser.parse(pattern.pattern, pattern.flags))
        self._pattern = pattern
        self._is_searched = is_searched

    def steps(self, subject: str, *, most: int) -> int:
        """The number of characters that the matcher reads. A character counts again after each step back."""
        steps = 0
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))  # a repetition of a group is a call for each turn
        for start in range(len(subject) if self._is_searched else 1):
            run = _Run(subject, self._pattern.flags, most - steps)
            ends_there: Then = (lambda _: True) if self._is_searched else (lambda position: position == len(subject))
            is_found = run.match(self.nodes, 0, start, ends_there)
            steps += run.steps
            if is_found:
                break
        return steps

    def attacks(self, length: int) -> set[str]:
        """One input for each repetition: a text that leads to it, `length` characters that match it, and one that fits
        nowhere.
        """
        return {
            attack
            for prefix, body in _repetitions(self.nodes, "")
            for unit in {seed for seed in SEEDS if self._takes(body, seed)} | {sample(body)} - {""}
            for attack in _around(prefix, unit, length)
        }

    def _takes(self, body: Nodes, unit: str) -> bool:
        if isinstance(self._pattern.pattern, bytes) and max(unit) > "\xff":
            return False
        return _Run(unit, self._pattern.flags, 10_000).match(body, 0, 0, lambda position: position == len(unit))


def _around(prefix: str, unit: str, length: int) -> Iterator[str]:
    for end in ("", "\x00", "\n", "!"):
        yield prefix + unit * (length // len(unit)) + end
    part = prefix + unit + "\x00"
    yield part * (length // len(part))


class _Run:
    def __init__(self, subject: str, flags: int, most: int) -> None:
        self.steps = 0
        self._subject = subject
        self._flags = flags
        self._most = most

    def match(self, nodes: Nodes, index: int, position: int, then: Then) -> bool:
        if index == len(nodes):
            return then(position)
        operation, argument = nodes[index]
        if _is_single(operation):
            return self._looks(nodes[index], position) and self.match(nodes, index + 1, position + 1, then)

        def go_on(position: int) -> bool:
            return self.match(nodes, index + 1, position, then)

        if operation in _REPEATS:
            low, high, body = argument
            return self._repeat(low, high, list(body), position, go_on)
        if operation is code.SUBPATTERN:
            return self.match(list(argument[-1]), 0, position, go_on)
        if operation is code.BRANCH:
            return any(self.match(list(branch), 0, position, go_on) for branch in argument[1])
        return self._holds(operation, argument, position) and go_on(position)

    def _repeat(self, low: int, high: int, body: Nodes, position: int, then: Then) -> bool:
        if len(body) == 1 and _is_single(body[0][0]):
            count = 0
            while count < high and self._looks(body[0], position + count):
                count += 1
            return any(self._step() and then(position + taken) for taken in range(count, low - 1, -1))

        def again(count: int, position: int) -> bool:
            if count < high and self.match(body, 0, position, lambda end: end != position and again(count + 1, end)):
                return True
            return count >= low and then(position)

        return again(0, position)

    def _step(self) -> bool:
        self.steps += 1
        if self.steps > self._most:
            raise TooManySteps
        return True

    def _looks(self, node: tuple[Any, Any], position: int) -> bool:
        self._step()
        return position < len(self._subject) and _takes(node, self._subject[position], self._flags)

    def _holds(self, operation: Any, argument: Any, position: int) -> bool:
        if operation is code.AT:
            return self._is_at(argument, position)
        if operation in (code.ASSERT, code.ASSERT_NOT):
            return self._is_asserted(position, *argument) is (operation is code.ASSERT)
        raise NotImplementedError(f"teach this matcher {operation}")

    def _is_asserted(self, position: int, direction: int, body: Any) -> bool:
        width = body.getwidth()[1] if direction < 0 else 0
        return position >= width and self.match(list(body), 0, position - width, lambda _: True)

    def _is_at(self, where: Any, position: int) -> bool:
        end = len(self._subject)
        if where is code.AT_BEGINNING:
            return position == 0 or bool(self._flags & re.MULTILINE and self._subject[position - 1] == "\n")
        return position == end or (where is code.AT_END and self._subject[position] == "\n")


def _is_single(operation: Any) -> bool:
    return operation in (code.LITERAL, code.NOT_LITERAL, code.ANY, code.IN)


def _takes(node: tuple[Any, Any], character: str, flags: int) -> bool:
    if flags & re.IGNORECASE:
        return any(
            _takes(node, each, flags & ~re.IGNORECASE)
            for each in {character.lower(), character.upper()}
            if len(each) == 1
        )
    operation, argument = node
    if operation is code.ANY:
        return bool(flags & re.DOTALL) or character != "\n"
    if operation is code.IN:
        is_negated = argument[0][0] is code.NEGATE
        return any(_takes(each, character, flags) for each in argument[is_negated:]) is not is_negated
    if operation is code.RANGE:
        return argument[0] <= ord(character) <= argument[1]
    if operation is code.CATEGORY:
        return _CATEGORIES[argument](character)
    return (ord(character) == argument) is (operation is code.LITERAL)


def sample(nodes: Nodes) -> str:
    """A short text that matches the nodes."""
    return "".join(_sample_of(operation, argument) for operation, argument in nodes)


def _sample_of(operation: Any, argument: Any) -> str:
    if operation in _REPEATS:
        return sample(list(argument[2])) * argument[0]
    if operation is code.SUBPATTERN:
        return sample(list(argument[-1]))
    if operation is code.BRANCH:
        return sample(list(argument[1][0]))
    if operation in (code.AT, code.ASSERT, code.ASSERT_NOT):
        return ""
    candidates = (chr(number) for number in (*map(ord, SEEDS), *range(0x21, 0x250)))
    return next(character for character in candidates if _takes((operation, argument), character, 0))


def _repetitions(nodes: Nodes, prefix: str) -> Iterator[tuple[str, Nodes]]:
    """Every repetition without a small bound, each with a text that leads to it."""
    for index, (operation, argument) in enumerate(nodes):
        before = prefix + sample(nodes[:index])
        if operation in _REPEATS:
            yield before, list(argument[2])
            yield from _repetitions(list(argument[2]), before)
        elif operation is code.SUBPATTERN:
            yield from _repetitions(list(argument[-1]), before)
        elif operation is code.BRANCH:
            for branch in argument[1]:
                yield from _repetitions(list(branch), before)
