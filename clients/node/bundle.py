"""Reads a signed bundle file, for a start without control plane and without a configuration on disk."""

from pathlib import Path

from clients.node.configuration import Configuration
from clients.node.identity import Member
from clients.node.trust import (
    NotTrusted,
    check_document,
    check_position,
    is_compatible,
    key_with,
    read_manifest,
)
from contracts.errors import Refusal
from contracts.node.bundle import MAX_BUNDLE_BYTES, Bundle, decode_bundle
from contracts.node.join import parse_join_string
from contracts.node.manifest import Manifest, Position, decode_manifest, digest_of
from contracts.node.signed import ConfigKey, Signed


def read_bundle_file(path: Path, member: Member | None, join_string: str | None, highest: Position) -> Configuration:
    """The configuration of a bundle, verified by the member's keys, or by the fingerprint of the join string.

    Its expiry is judged as that of the disk. Blocks. Raises `OSError` and `NotTrusted`.
    """
    bundle = _read(path)
    keys = _keys_of(bundle.manifest, join_string) if member is None else member.config_keys
    manifest = read_manifest(bundle.manifest, keys, pool=None if member is None else member.pool)
    check_position(manifest.position, highest)
    if not is_compatible(manifest):
        raise NotTrusted("incompatible")
    contents = _contents(manifest, bundle)
    return Configuration(manifest, digest_of(bundle.manifest.payload), contents, "bundle", bundle.manifest)


def _read(path: Path) -> Bundle:
    with path.open("rb") as file:
        content = file.read(MAX_BUNDLE_BYTES + 1)
    try:
        if len(content) <= MAX_BUNDLE_BYTES:
            return decode_bundle(content)
    except Refusal:
        pass
    raise NotTrusted("malformed_answer")


def _keys_of(signed: Signed, join_string: str | None) -> tuple[ConfigKey, ...]:
    """The one listed key that the join string names. Its signature then proves the rest of the list."""
    asked = None if join_string is None else parse_join_string(join_string)
    if asked is None:
        raise NotTrusted("untrusted_control_plane")
    try:
        listed = decode_manifest(signed.payload).config_keys
    except Refusal:
        raise NotTrusted("malformed_answer") from None
    return (key_with(asked.fingerprint, listed),)


def _contents(manifest: Manifest, bundle: Bundle) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for document in manifest.documents:
        content = bundle.contents.get(document.digest)
        if content is None:
            raise NotTrusted("wrong_document")
        check_document(document, content)
        found[document.digest] = content
    return found
