"""A signed bundle: a pool's manifest with its documents in one file, for a start without control plane (SPEC §16).

`authsession config bundle` writes it. A bundle holds nothing secret, and a node verifies it like an answer.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from contracts.encoding import encode
from contracts.node.manifest import MAX_DOCUMENT_BYTES, MAX_DOCUMENTS, MAX_MANIFEST_BYTES, digest_of
from contracts.node.signed import Signed, read_base64, read_signed, signed_fields
from contracts.strict_json import decode_object, invalid, known_fields, trimmed

FORMAT: Final = 1
MAX_BUNDLE_BYTES: Final = MAX_DOCUMENTS * (MAX_DOCUMENT_BYTES * 4 // 3 + 100) + 2 * MAX_MANIFEST_BYTES

_NAMES = frozenset({"format", "manifest", "documents"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """`contents` are documents' bytes by their digest. No signature is checked yet."""

    manifest: Signed
    contents: Mapping[str, bytes] = field(repr=False)


def encode_bundle(bundle: Bundle) -> bytes:
    """The file: `{"format":1,"manifest":{"bytes","signatures"},"documents":[base64, …]}`."""
    return encode({
        "format": FORMAT,
        "manifest": signed_fields(bundle.manifest),
        "documents": [base64.b64encode(content).decode("ascii") for content in bundle.contents.values()],
    })  # fmt: skip


def decode_bundle(content: bytes) -> Bundle:
    """The bundle in a file. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    fields = known_fields(decode_object(content), _NAMES)
    if fields.get("format") != FORMAT:
        raise invalid(f"format must be {FORMAT}")
    documents = fields.get("documents")
    if not isinstance(documents, list) or len(cast("list[object]", documents)) > MAX_DOCUMENTS:
        raise invalid(f"documents must be a list of at most {MAX_DOCUMENTS} texts")
    texts = (trimmed(each, "documents") for each in cast("list[object]", documents))
    contents = [read_base64(text, MAX_DOCUMENT_BYTES, "documents") for text in texts]
    manifest = read_signed(fields.get("manifest"), "manifest", MAX_MANIFEST_BYTES)
    return Bundle(manifest, {digest_of(each): each for each in contents})
