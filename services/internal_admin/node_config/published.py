"""Manifests and documents in the memory of the process, by digest. They never change, so nothing here grows old."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

from services.internal_admin.node_config import store
from services.internal_admin.node_config.store import ServedManifest
from shared.io.postgres import Postgres

T = TypeVar("T")

MAX_MANIFEST_BYTES = 16 * 1024 * 1024
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
_OVERHEAD = 1024
"""About the memory of an entry beside its bytes."""


class Kept(Generic[T]):
    """Values by digest, at most `most_bytes` together. The one used longest ago goes first."""

    def __init__(self, most_bytes: int, size: Callable[[T], int], load: Callable[[str], Awaitable[T | None]]) -> None:
        self._most_bytes = most_bytes
        self._size = size
        self._load = load
        self._values: OrderedDict[str, T] = OrderedDict()
        self._bytes = 0
        self._loading = trio.Lock()

    async def get(self, digest: str) -> T | None:
        """The value, loaded once for all that ask meanwhile; None if there is none."""
        if digest not in self._values:
            async with self._loading:
                if digest not in self._values:
                    value = await self._load(digest)
                    if value is None:
                        return None
                    self._keep(digest, value)
                    return value
        self._values.move_to_end(digest)
        return self._values[digest]

    def _keep(self, digest: str, value: T) -> None:
        self._values[digest] = value
        self._bytes += self._size(value)
        while self._bytes > self._most_bytes and len(self._values) > 1:
            _, oldest = self._values.popitem(last=False)
            self._bytes -= self._size(oldest)


class Published:
    """The manifests and documents that this process has served lately."""

    def __init__(self, postgres: Postgres) -> None:
        async def load_manifest(digest: str) -> ServedManifest | None:
            return await postgres.unit_of_work(store.read_manifest, digest)

        async def load_document(digest: str) -> bytes | None:
            return await postgres.unit_of_work(store.read_document, digest)

        self._manifests = Kept(MAX_MANIFEST_BYTES, _manifest_size, load_manifest)
        self._documents = Kept(MAX_DOCUMENT_BYTES, len, load_document)

    async def manifest(self, digest: str) -> ServedManifest | None:
        """The manifest; None if it is served no more. Raises `DependencyUnavailable`."""
        return await self._manifests.get(digest)

    async def document(self, digest: str) -> bytes | None:
        """The document; None if no served manifest names it. Raises `DependencyUnavailable`."""
        return await self._documents.get(digest)


def _manifest_size(manifest: ServedManifest) -> int:
    return len(manifest.signed.payload) + 128 * len(manifest.documents) + _OVERHEAD
