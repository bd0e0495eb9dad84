"""Secret keys with ids, so that keys can change while the system runs (SPEC §10.9). The newest writes, all read."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from shared.kernel.faults import ConfigurationError

SECRET_BYTES = 32
KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")


@dataclass(frozen=True, slots=True)
class Key:
    """A secret of at least 32 bytes, which `repr` hides. `id` is public and is stored beside the protected value."""

    id: str
    secret: bytes = field(repr=False)


class KeyRing:
    """Keys with different ids in the order of the setting; the first is the newest. Only `NO_KEYS` is empty."""

    __slots__ = ("_keys",)
    _HAS_EXACT_LENGTH: ClassVar[bool] = False
    """Whether each secret has 32 bytes exactly. Otherwise it may be longer."""
    _MOST: ClassVar[int | None] = None
    """The maximum number of keys, or None."""

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self._keys = keys

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Parse "id:base64,id2:base64". Raises `ConfigurationError` with every problem and no secret.

        `name` is the setting's name for these problems.
        """
        keys: dict[str, Key] = {}
        problems: list[str] = []
        for place, entry in enumerate(text.split(","), start=1):
            key, problem = _read_key(entry.strip(), is_exact=cls._HAS_EXACT_LENGTH)
            if key is None:
                problems.append(f"{name}: key {place} {problem}")
            elif key.id in keys:
                problems.append(f"{name}: key {place} repeats the id {key.id}")
            else:
                keys[key.id] = key
        if cls._MOST is not None and len(keys) > cls._MOST:
            problems.append(f"{name}: has {len(keys)} keys, takes at most {cls._MOST}: take old ones away")
        if problems:
            raise ConfigurationError(problems)
        return cls(keys)

    @property
    def newest(self) -> Key:
        return next(iter(self._keys.values()))

    def get(self, key_id: str) -> Key | None:
        """The key, or None if it was removed from the ring; values under that key cannot be read any more."""
        return self._keys.get(key_id)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._keys)})"


NO_KEYS = KeyRing({})
"""Stands in for missing or bad keys. It can neither write nor read."""


def _read_key(entry: str, *, is_exact: bool) -> tuple[Key, None] | tuple[None, str]:
    """The key, or its problem as the end of a sentence."""
    key_id, _, encoded = entry.partition(":")
    if not KEY_ID.fullmatch(key_id):
        return None, "is not written as id:base64"
    try:
        secret = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None, "is not standard base64 after its id"
    if len(secret) < SECRET_BYTES or (is_exact and len(secret) > SECRET_BYTES):
        least = "exactly" if is_exact else "at least"
        return None, f"has {len(secret)} bytes, needs {least} {SECRET_BYTES}: openssl rand -base64 {SECRET_BYTES}"
    return Key(key_id, secret), None
