"""Reads a Redis as bytes. The types of redis-py allow for clients that decode; the clients here never do."""

from collections.abc import Iterator, Sequence
from typing import cast

import redis as redis_py

from contracts.gateway import GatewayRecord, decode_stream_entry


def stored(client: redis_py.Redis, key: str) -> bytes | None:
    """The value of a key."""
    value = client.get(key)
    return None if value is None else _bytes(value)


def stored_all(client: redis_py.Redis, keys: Sequence[str]) -> list[bytes | None]:
    """The values of many keys, in one round trip."""
    return [None if value is None else _bytes(value) for value in client.mget(keys)]


def stream_entries(client: redis_py.Redis, stream: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """All entries of a stream with their ids, oldest first."""
    return [
        (_bytes(entry_id), {_bytes(name): _bytes(value) for name, value in (fields or {}).items()})
        for entry_id, fields in client.xrange(stream) or ()
    ]


def new_entries(client: redis_py.Redis, stream: str, after: bytes) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """The entries after the given one. Waits a moment for them."""
    streams = client.xread({stream: after}, count=1000, block=100)
    assert isinstance(streams, list)
    return [entry for _, entries in streams for entry in entries]


def values(client: redis_py.Redis, key: str, *fields: str) -> list[bytes | None]:
    """The values of these fields of a hash."""
    return [None if value is None else _bytes(value) for value in client.hmget(key, fields)]


def key_names(client: redis_py.Redis) -> list[bytes]:
    """The names of all keys. It scans, because the product's users have no right to `KEYS`."""
    names = cast("Iterator[object]", client.scan_iter(count=1000))
    return [_bytes(name) for name in names]


def dump(client: redis_py.Redis) -> dict[bytes, bytes]:
    """All keys, each with its value as `RESTORE` takes it."""
    dumped = {name: client.dump(name) for name in key_names(client)}
    return {key: value for key, value in dumped.items() if value is not None}


def gateway_entries(client: redis_py.Redis, stream: str) -> dict[bytes, GatewayRecord]:
    """All entries of a stream by entry id, decoded as gateways decode them."""
    return {
        entry_id: decode_stream_entry({name.decode(): value.decode() for name, value in fields.items()})
        for entry_id, fields in stream_entries(client, stream)
    }


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value
