"""The answer about an agent's compiled prompt (SPEC §19.1). The other answers are those of published configuration."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.control_plane.publication.requests import Source, read_source
from contracts.encoding import encode
from contracts.strict_query import decode_query

_NAMES = frozenset({"from"})


class SectionSize(NamedTuple):
    """The size of a section's text in the prompt, as UTF-8."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class CompiledPrompt:
    """A prompt as the runtime gets it. `digest` is that of the document; None for a draft that cannot be published."""

    text: str = field(repr=False)
    digest: str | None
    sections: Sequence[SectionSize]
    variables: Sequence[str]
    estimated_tokens: int


def decode_compiled_prompt(query: str) -> Source:
    """The side that is asked for. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    return read_source(decode_query(query, _NAMES), "from")


def encode_compiled_prompt(prompt: CompiledPrompt) -> bytes:
    """The answer of `compiled-prompt`."""
    return encode(
        {
            "text": prompt.text,
            **({} if prompt.digest is None else {"digest": prompt.digest}),
            "sections": [{"key": each.key, "bytes": each.size} for each in prompt.sections],
            "variables": list(prompt.variables),
            "estimated_tokens": prompt.estimated_tokens,
        }
    )
