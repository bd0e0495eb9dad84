"""Both processes behind a real pgbouncer: logins, revocations and rebuilds work as without it.

Without pgbouncer all of these tests are skipped.
"""

import asyncio
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import asyncpg
import httpx
import pytest

from authsession.doctor import doctor
from authsession.embedded.postgres import EmbeddedPostgres
from shared.db.migrate import migrate
from tests.support.builders import email_address
from tests.support.database import Database, cloned_database
from tests.support.pgbouncer import Mode, keeps_statements, pgbouncer
from tests.support.product import SEND, Product, open_product
from tests.support.stack import launched_stack, open_stack, wait_for

needs_statements = pytest.mark.skipif(
    not keeps_statements(),
    reason="needs pgbouncer 1.21 or later: an older one forgets prepared statements in transaction mode, so "
    "it can serve nothing; the last test of this file holds what happens then",
)


def give_settings(database: Database) -> None:
    """Gives the roles the settings that `migrate` gives them: a cloned database does not have them."""

    async def apply() -> None:
        connection = await asyncpg.connect(database.owner_dsn, ssl=False)
        try:
            await migrate(connection)
        finally:
            await connection.close()

    asyncio.run(apply())


@pytest.fixture(scope="module", params=["session", pytest.param("transaction", marks=needs_statements)])
def pooled(request: pytest.FixtureRequest, postgres_server: EmbeddedPostgres, template: str) -> Iterator[Product]:
    """A database behind a pgbouncer with its default settings."""
    mode: Mode = request.param
    with cloned_database(postgres_server, template) as database, ExitStack() as stack:
        give_settings(database)
        pooled_database = stack.enter_context(pgbouncer(database, mode))
        yield stack.enter_context(open_product(stack.enter_context(open_stack(pooled_database))))


def test_a_default_pgbouncer_serves_both_processes(pooled: Product) -> None:
    session = pooled.log_in(email_address())
    assert pooled.session(session)["status"] == "active"
    assert pooled.revoke(session).json()["outcome"] == "revoked"
    pooled.wait_for_status(session, "revoked", timeout=0)


def test_the_keeper_fills_a_lost_redis_through_the_pooler(pooled: Product) -> None:
    session = pooled.log_in(email_address())
    redis = pooled.stack.redis_server
    redis.kill()
    shutil.rmtree(redis.folder / "appendonlydir")
    redis.start()
    pooled.wait_for_status(session, "active", timeout=10)


def test_the_audit_trail_is_sealed_through_the_pooler(pooled: Product) -> None:
    pooled.log_in(email_address())
    database = pooled.stack.database
    unsealed = "select from audit_events where audit_id not in (select audit_id from audit_seal)"
    wait_for(lambda: not database.execute(unsealed))


def test_many_at_once_log_in_through_the_pooler(pooled: Product) -> None:
    with ThreadPoolExecutor(8) as threads:
        sessions = list(threads.map(pooled.log_in, [email_address() for _ in range(24)]))
    assert {pooled.session(session)["status"] for session in sessions} == {"active"}


def findings(
    environment: dict[str, str], folder: Path, capsys: pytest.CaptureFixture[str], **changes: str
) -> list[str]:
    doctor({**environment, **changes}, folder, "public")
    return [line for line in capsys.readouterr().out.splitlines() if "pooler" in line]


def test_doctor_takes_a_pooler_that_serves(pooled: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = pooled.stack.environment["public"]
    said = findings(environment, tmp_path, capsys)
    assert [line.split()[0] for line in said] == ["ok"] * len(said)


@needs_statements
def test_doctor_asks_for_the_way_past_a_pooler_in_transaction_mode_and_for_the_roles_settings(
    postgres_server: EmbeddedPostgres, template: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with cloned_database(postgres_server, template) as database, pgbouncer(database, "transaction") as behind:
        environment = {"AUTHSESSION_POSTGRES_DSN": behind.public_dsn}
        [said] = findings(environment, tmp_path, capsys)
        assert said.startswith("fail")
        assert "AUTHSESSION_POSTGRES_DIRECT_DSN" in said
        direct = database.direct_dsn("authsession_public")
        [said] = findings(environment, tmp_path, capsys, AUTHSESSION_POSTGRES_DIRECT_DSN=direct)
        assert said.startswith("fail")
        assert "authsession migrate" in said


@pytest.mark.skipif(
    keeps_statements(),
    reason="needs a pgbouncer before 1.21, which forgets prepared statements; the other tests of this file run with a "
    "newer one",
)
def test_a_pooler_that_forgets_statements_is_named_by_doctor_and_ends_no_process(
    postgres_server: EmbeddedPostgres, template: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with cloned_database(postgres_server, template) as database, pgbouncer(database, "transaction") as behind:
        give_settings(database)
        [said] = findings({"AUTHSESSION_POSTGRES_DSN": behind.public_dsn}, tmp_path, capsys)
        assert said.startswith("fail")
        assert "pool_mode=session" in said
        with launched_stack(behind) as stack, open_product(stack) as product:
            wait_for(lambda: answers(product))
            answered: set[int] = set()
            with ThreadPoolExecutor(8) as threads:
                for _ in range(10):
                    answered |= set(threads.map(send, [product] * 40))
                    if 503 in answered:
                        break
                    database.cut_connections()  # the pooler's connections to Postgres: the new ones know no statement
            assert answered <= {200, 503}
            assert 503 in answered  # otherwise the test would prove nothing
            assert [stack.child(name).exit_status() for name in stack.services] == [None, None]


def send(product: Product) -> int:
    return product.public.post(SEND, json={"email": email_address()}).status_code


def answers(product: Product) -> bool:
    with suppress(httpx.TransportError):
        return product.public.get("/healthz").status_code == 200 and product.internal.get("/healthz").status_code == 200
    return False
