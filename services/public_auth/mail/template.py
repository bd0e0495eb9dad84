"""Texts with placeholders such as `{{code}}`. Each is replaced once; inserted values are never parsed again."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

_PLACEHOLDER = re.compile(r"\{\{[ \t]*([a-z_]+)[ \t]*\}\}")
_OPENING = "{{"


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text. `parts` alternates between text and names; the first and the last part are text."""

    parts: tuple[str, ...]

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with the value of each placeholder."""
        return "".join(values[part] if place % 2 else part for place, part in enumerate(self.parts))


def parse_template(text: str, *, known: AbstractSet[str], needed: AbstractSet[str] = frozenset()) -> Template:
    """Parses a text that has only `known` placeholders and every `needed` one. Raises `ValueError` with the cure."""
    parts = tuple(_PLACEHOLDER.split(text))
    names = set(parts[1::2])
    if any(_OPENING in part for part in parts[::2]):
        raise ValueError(f"has a malformed placeholder; write one of {_listed(known)}")
    if names - known:
        raise ValueError(f"has the unknown placeholder {_listed(names - known)}; write one of {_listed(known)}")
    if needed - names:
        raise ValueError(f"lacks the placeholder {_listed(needed - names)}; write it where the value belongs")
    return Template(parts)


def _listed(names: AbstractSet[str]) -> str:
    return ", ".join(f"{{{{{name}}}}}" for name in sorted(names))
