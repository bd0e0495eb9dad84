"""TLS to Postgres and Redis: a peer is checked when that was asked for; cancellation does no harm over it either."""

from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
import trio

from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
from shared.io.postgres import open_postgres
from shared.io.redis import open_redis
from shared.kernel.faults import DependencyUnavailable
from tests.integration.io.tls import Certificate, create_certificate, tls_proxy
from tests.support.database import run_sql

NAME = "tls-tests"
UNITS = 300


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return create_certificate(tmp_path_factory.mktemp("certificate"))


async def read_one(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("select 1")


async def test_postgres_is_reached_through_tls_and_verified(
    asyncio_loop: None, postgres_server: EmbeddedPostgres, certificate: Certificate
) -> None:
    async with tls_proxy(postgres_server.port, certificate, postgres=True) as port:
        dsn = postgres_server.dsn().replace(f":{postgres_server.port}/", f":{port}/")
        for query in ("sslmode=require", f"sslmode=verify-full&sslrootcert={certificate.chain}"):
            async with open_postgres(f"{dsn}?{query}", application_name=NAME) as postgres:
                assert await postgres.unit_of_work(read_one) == 1


async def test_a_postgres_that_nobody_vouches_for_is_unavailable_to_verify_full(
    asyncio_loop: None, postgres_server: EmbeddedPostgres, certificate: Certificate, tmp_path: Path
) -> None:
    stranger = create_certificate(tmp_path)
    async with tls_proxy(postgres_server.port, certificate, postgres=True) as port:
        dsn = postgres_server.dsn().replace(f":{postgres_server.port}/", f":{port}/")
        dsn += f"?sslmode=verify-full&sslrootcert={stranger.chain}"
        async with open_postgres(dsn, application_name=NAME) as postgres:
            with pytest.raises(DependencyUnavailable):
                await postgres.unit_of_work(read_one)


async def test_channel_binding_is_honoured_by_a_verified_server_and_by_no_other(
    asyncio_loop: None, postgres_server: EmbeddedPostgres, certificate: Certificate
) -> None:
    """The URL that Neon prints; its server's certificate is vouched for by an authority that every system knows."""
    async with tls_proxy(postgres_server.port, certificate, postgres=True) as port:
        dsn = postgres_server.dsn().replace(f":{postgres_server.port}/", f":{port}/")
        dsn += "?sslmode=require&channel_binding=require"
        async with open_postgres(f"{dsn}&sslrootcert={certificate.chain}", application_name=NAME) as postgres:
            assert await postgres.unit_of_work(read_one) == 1
        async with open_postgres(dsn, application_name=NAME) as postgres:
            with pytest.raises(DependencyUnavailable):
                await postgres.unit_of_work(read_one)


async def test_a_cancel_storm_over_tls_leaves_every_unit_whole_and_hangs_nothing(
    asyncio_loop: None, postgres_server: EmbeddedPostgres, certificate: Certificate
) -> None:
    await trio.to_thread.run_sync(
        run_sql,
        postgres_server.dsn(),
        "drop table if exists public.marks; create table public.marks (id integer primary key)",
    )
    began: set[int] = set()
    async with tls_proxy(postgres_server.port, certificate, postgres=True) as port:
        dsn = postgres_server.dsn().replace(f":{postgres_server.port}/", f":{port}/") + "?sslmode=require"
        async with open_postgres(
            dsn, application_name=NAME, pool_size=5, acquire_timeout=timedelta(seconds=30)
        ) as postgres:

            async def unit(number: int) -> None:
                async def body(connection: asyncpg.Connection) -> None:
                    began.add(number)
                    async with connection.transaction():
                        await connection.execute("insert into public.marks values ($1)", number)

                with trio.move_on_after(number % 20 * 0.03):
                    await trio.sleep(number % 7 * 0.02)
                    await postgres.unit_of_work(body)

            with trio.fail_after(60):
                async with trio.open_nursery() as nursery:
                    for number in range(UNITS):
                        nursery.start_soon(unit, number)
                rows = await postgres.unit_of_work(lambda connection: connection.fetch("select id from public.marks"))
    assert {row["id"] for row in rows} == began
    assert 0 < len(began) < UNITS


async def test_redis_is_reached_through_tls_only_if_it_is_vouched_for(
    redis_server: EmbeddedRedis, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tls_proxy(redis_server.port, certificate, postgres=False) as port:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.chain))
        async with open_redis(f"127.0.0.1:{port}", tls=True) as redis, trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(redis.ping)
        monkeypatch.setenv("SSL_CERT_FILE", str(create_certificate(tmp_path).chain))
        async with open_redis(f"127.0.0.1:{port}", tls=True) as redis:
            with pytest.raises(DependencyUnavailable):
                await redis.ping()
