"""Wraps the data keys of many versions anew, up to the first one that cannot be unwrapped."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.internal_admin.secrets.domain.sealing import SecretPlace, WrappedKey, rewrap
from services.internal_admin.secrets.domain.secret import StoredVersion
from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import Unsealable

BEFORE_ALL: Final = StoredVersion("", 0)
"""A place before the first version, in the order of ids and versions."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A version with its wrapped data key."""

    place: SecretPlace
    key: WrappedKey

    @property
    def version(self) -> StoredVersion:
        return StoredVersion(self.place.secret_id, self.place.version)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The first version whose data key cannot be unwrapped. `lacks_key`: the ring does not have its key."""

    version: StoredVersion
    key_id: str
    lacks_key: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that was wrapped anew. `last` is its last version; BEFORE_ALL if no version was left."""

    count: int
    last: StoredVersion = BEFORE_ALL
    unreadable: Unreadable | None = None

    @property
    def is_end(self) -> bool:
        """Whether no version after this batch can be wrapped anew."""
        return self.last == BEFORE_ALL or self.unreadable is not None


def rewrap_all(
    ring: KeyRing, versions: Iterable[Wrapped], entropy: Entropy
) -> tuple[list[tuple[StoredVersion, WrappedKey]], Unreadable | None]:
    """The new wrapped keys, and the version at which they end. No value is opened."""
    done: list[tuple[StoredVersion, WrappedKey]] = []
    for each in versions:
        try:
            done.append((each.version, rewrap(ring, each.place, each.key, entropy)))
        except Unsealable:
            return done, Unreadable(each.version, each.key.key_id, lacks_key=ring.get(each.key.key_id) is None)
    return done, None
