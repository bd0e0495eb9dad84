"""The choice of one of our languages for a person (SPEC §3.8)."""

import re
from typing import Final

DEFAULT_LANGUAGE: Final = "en"
LANGUAGES: Final = ("en", "de", "es", "fr", "pt", "ja", "zh-Hans")
# Browsers name simplified Chinese by region. RFC 4647 alone would never lead from the region to the script.
_SUPPORTED = {tag.lower(): tag for tag in LANGUAGES} | {"zh-cn": "zh-Hans", "zh-sg": "zh-Hans"}
# RFC 9110 §12.5.4 with §12.4.2: a language range and its weight.
# Nine subtags are more than RFC 5646 §4.4.1 expects of any tag (35 characters); a longer range is malformed.
_RANGE = re.compile(
    r"([a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8}){0,8})(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?", re.ASCII
)
_MAX_RANGES = 32
"""Browsers send fewer than ten. Later ranges are ignored, so that a stranger cannot make the search long."""


def preferred_language(accept_language: str | None) -> str:
    """The supported tag for the heaviest range that has one, by the lookup of RFC 4647 §3.4; else `en`.

    Malformed parts, `*` and all parts after the first 32 are ignored. Ranges of equal weight keep their order.
    """
    for language_range in _by_weight(accept_language or ""):
        tag = _lookup(language_range)
        if tag:
            return tag
    return DEFAULT_LANGUAGE


def _by_weight(accept_language: str) -> list[str]:
    parts = accept_language.split(",", _MAX_RANGES)[:_MAX_RANGES]
    matches = [_RANGE.fullmatch(part.strip(" \t")) for part in parts]
    weighted = [(match[1], float(match[2] or "1")) for match in matches if match]
    acceptable = [(language_range, weight) for language_range, weight in weighted if weight > 0]
    return [language_range for language_range, _ in sorted(acceptable, key=lambda pair: -pair[1])]


def _lookup(language_range: str) -> str | None:
    """Find a tag; drop subtags from the end, and a subtag of one character together with the one after it."""
    subtags = language_range.lower().split("-")
    while subtags:
        tag = _SUPPORTED.get("-".join(subtags))
        if tag:
            return tag
        subtags.pop()
        if subtags and len(subtags[-1]) == 1:
            subtags.pop()
    return None
