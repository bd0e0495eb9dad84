"""The state of a product at rest, so that a test can say that nothing changed."""

from typing import Any

import redis as redis_py

from tests.support.product import Product
from tests.support.redis_bytes import key_names
from tests.support.stack import REDIS_PASSWORD, wait_for

RATE_LIMITS = b"authsession:rate:"


def postgres_state(product: Product) -> dict[str, tuple[int, str]]:
    """Row count and checksum of every table, without values that change by themselves.

    Left out are the keeper's beat, the guard's place in the stream and in its pass, and leases, which are renewed.
    """
    database = product.stack.database
    tables = [row["name"] for row in database.execute(
        "select tablename::text as name from pg_tables where schemaname = 'authsession' order by 1"
    )]  # fmt: skip
    assert {"challenges", "emails", "users", "device_sessions", "audit_events", "projection_outbox"} <= set(tables)
    return {
        table: tuple(database.execute(
            f"""select count(*), coalesce(md5(string_agg(row, '|' order by row)), '') from
                (select (to_jsonb({table}) - 'beat')::text as row from {table}) as every"""
        )[0])
        for table in tables
        if table not in ("projection_guard", "leases")
    }  # fmt: skip


def changed(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> set[str]:
    """The tables whose rows differ."""
    return {table for table in before if before[table] != after[table]}


def redis_state(product: Product) -> dict[bytes, object]:
    """Every key with its value, except rate limits. The stream has its length, the projection key its epoch."""
    gateway = product.gateway
    with redis_py.Redis(port=product.stack.redis_server.port, username="internal", password=REDIS_PASSWORD) as internal:
        keys = [key for key in key_names(internal) if not key.startswith(RATE_LIMITS)]
    state: dict[bytes, object] = {key: gateway.get(key) for key in keys if key.startswith(b"gateway:session:")}
    assert set(keys) - state.keys() == {b"gateway:projection", b"gateway:session_events"}
    state[b"gateway:session_events"] = gateway.xlen("gateway:session_events")
    state[b"gateway:projection"] = gateway.hget("gateway:projection", "epoch")
    return state


def quiet_state(product: Product) -> tuple[Any, Any]:
    """The state of Postgres and Redis, read when nothing is left to publish or to seal."""

    def twice() -> tuple[Any, Any] | None:
        first, second = postgres_state(product), postgres_state(product)
        is_published = second["projection_outbox"][0] == 0
        is_sealed = second["audit_seal"][0] == second["audit_events"][0]
        return (second, redis_state(product)) if first == second and is_published and is_sealed else None

    return wait_for(twice)
