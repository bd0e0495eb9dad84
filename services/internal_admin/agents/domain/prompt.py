"""Compiles the sections of an agent into the prompt that its runtime gets (SPEC §19.1)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from contracts.agent_document import MAX_PROMPT_BYTES, Section
from contracts.control_plane.agents import SectionSize

BYTES_A_TOKEN: Final = 4
_SEPARATOR: Final = "\n\n"
_REFERENCE = re.compile(r"\{\{ {0,8}([A-Za-z][A-Za-z0-9_-]{0,62}) {0,8}\}\}", re.ASCII)


@dataclass(frozen=True, slots=True)
class UnknownVariable:
    """A name in a section that no variable has."""

    section: str
    name: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The texts of the sections, with the values of variables in them, and one empty line between two sections.

    `sections` has each section's key and the size of its text. `variables` are those that a section names.
    With `unknown` variables the text keeps their names as they stand.
    """

    text: str = field(repr=False)
    sections: tuple[SectionSize, ...]
    variables: tuple[str, ...]
    unknown: tuple[UnknownVariable, ...]

    @property
    def estimated_tokens(self) -> int:
        """A quarter of the bytes, rounded up. It is an estimate: each model counts tokens in its own way."""
        return -(-len(self.text.encode()) // BYTES_A_TOKEN)


@dataclass(frozen=True, slots=True)
class PromptTooLong:
    """The values of variables make the prompt longer than any document may have."""


def compile_prompt(sections: Sequence[Section], variables: Mapping[str, str]) -> Prompt | PromptTooLong:
    """The prompt of these sections. A value that stands in the text is not searched for further names.

    It ends as soon as the text is too long: a few kilobytes of names could stand for many megabytes.
    """
    texts: list[str] = []
    left = MAX_PROMPT_BYTES
    for section in sections:
        text = _substituted(section.text, variables, left)
        if text is None:
            return PromptTooLong()
        texts.append(text)
        left -= len(text.encode()) + len(_SEPARATOR)
    names = [(section.key, name) for section in sections for name in _REFERENCE.findall(section.text)]
    return Prompt(
        _SEPARATOR.join(texts),
        tuple(SectionSize(section.key, len(text.encode())) for section, text in zip(sections, texts, strict=True)),
        tuple(sorted({name for _, name in names})),
        tuple(dict.fromkeys(UnknownVariable(key, name) for key, name in names if name not in variables)),
    )


def _substituted(text: str, variables: Mapping[str, str], most: int) -> str | None:
    """The text with the values of variables; None if it is longer than `most` bytes."""
    pieces: list[str] = []
    end = 0
    for found in _REFERENCE.finditer(text):
        pieces += text[end : found.start()], variables.get(found[1], found[0])
        most -= len(pieces[-2].encode()) + len(pieces[-1].encode())
        if most < 0:
            return None
        end = found.end()
    pieces.append(text[end:])
    return None if len(pieces[-1].encode()) > most else "".join(pieces)
