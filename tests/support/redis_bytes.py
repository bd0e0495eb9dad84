"""Reads of a Redis as bytes. The types of redis-py allow for clients that decode; ours never do."""

import redis as redis_py

from contracts.gateway import GatewayRecord, decode_stream_entry


def stored(client: redis_py.Redis, key: str) -> bytes | None:
    """The value of a key."""
    value = client.get(key)
    return None if value is None else _bytes(value)


def stream_entries(client: redis_py.Redis, stream: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """All entries of a stream with their ids, oldest first."""
    return [
        (_bytes(entry_id), {_bytes(name): _bytes(value) for name, value in (fields or {}).items()})
        for entry_id, fields in client.xrange(stream) or ()
    ]


def gateway_entries(client: redis_py.Redis, stream: str) -> dict[bytes, GatewayRecord]:
    """The same, decoded as gateways decode them, by entry id."""
    return {
        entry_id: decode_stream_entry({name.decode(): value.decode() for name, value in fields.items()})
        for entry_id, fields in stream_entries(client, stream)
    }


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value
