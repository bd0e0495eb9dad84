"""A configuration as the application gets it, and what the application may say about it."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from contracts.node.manifest import Document, Manifest
from contracts.node.signed import Signed
from contracts.node.status import MAX_MESSAGE_LENGTH, ConfigError, Source

_CODE = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Configuration:
    """A verified manifest with every document. `contents` are the documents' bytes by digest."""

    manifest: Manifest
    digest: str
    contents: Mapping[str, bytes] = field(repr=False)
    source: Source
    signed: Signed = field(repr=False)

    def documents(self, kind: str | None = None) -> Iterator[tuple[Document, bytes]]:
        """Each document with its bytes, in the manifest's order; those of one kind if it is given."""
        for document in self.manifest.documents:
            if kind is None or document.kind == kind:
                yield document, self.contents[document.digest]

    @property
    def content(self) -> tuple[object, ...]:
        """The part that `apply` sees. A manifest that was signed anew has the same content and is not applied again."""
        return content_of(self.manifest)


class ConfigurationRejected(Exception):
    """`apply` raises it to reject a configuration. Operators read all three values, so they must hold no secret.

    `code` has up to 64 of `a-z`, `0-9` and `_`; another one is told as `rejected`. `document` is `kind/name`.
    """

    def __init__(self, code: str, message: str, document: str | None = None) -> None:
        super().__init__(code)
        stated = code if _CODE.fullmatch(code) else "rejected"
        self.error = ConfigError(stated, one_line(message), None if document is None else one_line(document))


@dataclass(frozen=True, slots=True)
class Degraded:
    """`apply` returns it if the application runs with less than all of the configuration."""

    code: str
    message: str
    document: str | None = None


Apply: TypeAlias = Callable[[Configuration], Awaitable[Degraded | None]]


def content_of(manifest: Manifest) -> tuple[object, ...]:
    """The parts of a manifest that configure the application."""
    return manifest.compatibility, manifest.documents, manifest.secrets


def one_line(text: str) -> str:
    """The text as a status may carry it."""
    return "".join(each if each.isprintable() else " " for each in text[:MAX_MESSAGE_LENGTH]).strip()
