"""The applied configuration on disk: documents and manifests by digest, and one small file that names what is applied.

The small file is replaced by one rename, after everything that it names is durable. So a kill at any moment leaves
exactly the old or the new configuration.
"""

from dataclasses import dataclass

from clients.node.configuration import Configuration
from clients.node.disk import Folder
from clients.node.trust import NotTrusted, check_document, read_manifest
from contracts.encoding import encode
from contracts.errors import Refusal
from contracts.node.manifest import (
    MAX_MANIFEST_BYTES,
    Manifest,
    Position,
    decode_manifest,
    digest_of,
    read_digest,
)
from contracts.node.signed import ConfigKey, Signed, config_key_fields, read_config_keys, read_signed, signed_fields
from contracts.strict_json import decode_object, invalid, read_count

_APPLIED = "applied.json"
_CONTENT = "content"
_MANIFEST = ".manifest"
_MAX_APPLIED_BYTES = 16 * 1024
_MAX_MANIFEST_FILE = 2 * MAX_MANIFEST_BYTES


class Damaged(Exception):
    """The configuration on disk is not whole, so none of it is used."""


@dataclass(frozen=True, slots=True)
class Applied:
    """`digest` is the applied manifest's; None after a revocation. `config_keys` are trusted."""

    digest: str | None
    highest: Position
    config_keys: tuple[ConfigKey, ...]


class Kept:
    """The files. All methods block."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._content = Folder(folder.path / _CONTENT)

    def applied(self) -> Applied | None:
        """The content of the small file; None if there is none. Raises `Damaged` and `OSError`."""
        content = self._folder.read(_APPLIED, _MAX_APPLIED_BYTES)
        if content is None:
            return None
        try:
            fields = decode_object(content)
            if fields.get("format") != 1:
                raise invalid("format must be 1")
            digest = read_digest(fields, "digest") if fields.get("digest") is not None else None
            highest = Position(read_count(fields, "epoch"), read_count(fields, "sequence"))
            return Applied(digest, highest, read_config_keys(fields.get("config_keys"), "config_keys"))
        except Refusal:
            raise Damaged from None

    def load(self, applied: Applied, pool: str | None) -> Configuration | None:
        """The applied configuration, verified like a fresh one but for its age. Raises `Damaged` and `OSError`."""
        if applied.digest is None:
            return None
        try:
            signed = self._signed(applied.digest)
            own_keys = decode_manifest(signed.payload).config_keys  # the trusted ones may be newer
            manifest = read_manifest(signed, own_keys, pool=pool)
            contents = self._contents(manifest)
        except (NotTrusted, Refusal):
            raise Damaged from None
        return Configuration(manifest, applied.digest, contents, "disk", signed)

    def contents_of(self, manifest: Manifest) -> dict[str, bytes]:
        """The documents of the manifest that are on disk already."""
        found: dict[str, bytes] = {}
        for document in manifest.documents:
            try:
                content = self._content.read(document.digest, document.size)
                if content is not None:
                    check_document(document, content)
                    found[document.digest] = content
            except (NotTrusted, OSError):
                pass  # then it is fetched
        return found

    def record(self, configuration: Configuration, highest: Position, config_keys: tuple[ConfigKey, ...]) -> None:
        """Makes the configuration the applied one, and trusts these keys.

        Raises `OSError`; then the older one is still whole.
        """
        present = self.contents_of(configuration.manifest)
        for digest, content in configuration.contents.items():
            if digest not in present:
                self._content.write(digest, content)
        name = configuration.digest + _MANIFEST
        self._content.write(name, encode(signed_fields(configuration.signed)))
        self._content.sync()
        self._save(Applied(configuration.digest, highest, config_keys))
        self._keep_only({*configuration.contents, name})

    def trust(self, highest: Position, config_keys: tuple[ConfigKey, ...]) -> None:
        """Keeps newer trusted keys beside the same configuration. Raises `Damaged` and `OSError`."""
        applied = self.applied()
        self._save(Applied(None if applied is None else applied.digest, highest, config_keys))

    def forget(self, applied: Applied) -> None:
        """Removes the configuration. Position and keys stay, so an old configuration can never come back."""
        self._save(Applied(None, applied.highest, applied.config_keys))
        self._keep_only(set())

    def _save(self, applied: Applied) -> None:
        fields = {
            "format": 1,
            "digest": applied.digest,
            "epoch": applied.highest.epoch,
            "sequence": applied.highest.sequence,
            "config_keys": [config_key_fields(key) for key in applied.config_keys],
        }
        self._folder.save(_APPLIED, encode(fields))

    def _keep_only(self, names: set[str]) -> None:
        for name in self._content.names() - names:
            self._content.remove(name)

    def _signed(self, digest: str) -> Signed:
        content = self._content.read(digest + _MANIFEST, _MAX_MANIFEST_FILE)
        if content is None:
            raise Damaged
        signed = read_signed(decode_object(content), "manifest", MAX_MANIFEST_BYTES)
        if digest_of(signed.payload) != digest:
            raise Damaged
        return signed

    def _contents(self, manifest: Manifest) -> dict[str, bytes]:
        found = self.contents_of(manifest)
        if any(document.digest not in found for document in manifest.documents):
            raise Damaged
        return found
