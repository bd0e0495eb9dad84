"""Manifests and documents in the memory of the process, by digest. They never change, so nothing here grows old."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import trio

from contracts.node.signed import Signed
from services.internal_admin.node_config import store
from shared.io.postgres import Postgres

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

MAX_MANIFEST_BYTES = 16 * 1024 * 1024
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
_OVERHEAD = 1024
"""About the memory of an entry beside its bytes."""


class Kept(Generic[K, T]):
    """Values by key, at most `most_bytes` together. The one used longest ago goes first."""

    def __init__(self, most_bytes: int, size: Callable[[T], int], load: Callable[[K], Awaitable[T | None]]) -> None:
        self._most_bytes = most_bytes
        self._size = size
        self._load = load
        self._values: OrderedDict[K, T] = OrderedDict()
        self._bytes = 0
        self._loading: dict[K, trio.Lock] = {}

    async def get(self, key: K) -> T | None:
        """The value, loaded once for all that ask meanwhile; None if there is none. Other keys do not wait for that."""
        if key not in self._values:
            loading = self._loading.setdefault(key, trio.Lock())
            try:
                async with loading:
                    if key not in self._values:
                        return await self._loaded(key)
            finally:
                if not loading.locked():
                    self._loading.pop(key, None)
        self._values.move_to_end(key)
        return self._values[key]

    async def _loaded(self, key: K) -> T | None:
        value = await self._load(key)
        if value is not None:
            self._keep(key, value)
        return value

    def _keep(self, key: K, value: T) -> None:
        self._values[key] = value
        self._bytes += self._size(value)
        while self._bytes > self._most_bytes and len(self._values) > 1:
            _, oldest = self._values.popitem(last=False)
            self._bytes -= self._size(oldest)


class Published:
    """The manifests and documents that this process has served lately."""

    def __init__(self, postgres: Postgres) -> None:
        async def load_manifest(digest: str) -> Signed | None:
            return await postgres.unit_of_work(store.read_manifest, digest)

        async def load_document(key: tuple[str, str]) -> bytes | None:
            return await postgres.unit_of_work(store.read_document, *key)

        self._manifests = Kept(MAX_MANIFEST_BYTES, lambda manifest: len(manifest.payload) + _OVERHEAD, load_manifest)
        self._documents = Kept(MAX_DOCUMENT_BYTES, len, load_document)

    async def manifest(self, digest: str) -> Signed | None:
        """The manifest; None if it is kept no more. Raises `DependencyUnavailable`."""
        return await self._manifests.get(digest)

    async def document(self, pool: str, digest: str) -> bytes | None:
        """The document; None if no kept manifest of the pool names it. Raises `DependencyUnavailable`."""
        return await self._documents.get((pool, digest))
