"""Both processes behind a real pgbouncer: who logs in, is revoked and is restored notices nothing."""

import shutil
from collections.abc import Iterator

import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from tests.support.builders import email_address
from tests.support.database import cloned_database
from tests.support.pgbouncer import pgbouncer
from tests.support.product import Product, open_product
from tests.support.stack import open_stack, wait_for


@pytest.fixture(scope="module")
def pooled(postgres_server: EmbeddedPostgres, template: str) -> Iterator[Product]:
    """In pgbouncer's default mode, with its default settings."""
    with (
        cloned_database(postgres_server, template) as database,
        pgbouncer(database, "session") as pooled_database,
        open_stack(pooled_database) as stack,
        open_product(stack) as product,
    ):
        yield product


def test_a_default_pgbouncer_in_session_mode_serves_both_processes(pooled: Product) -> None:
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
