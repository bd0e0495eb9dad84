"""Postgres is restored from an older backup and Redis is not: revoked wins (SPEC §6.4)."""

import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from tests.support.census import take_census
from tests.support.database import TEMPLATE, Database, create_template, run_sql
from tests.support.load import Login, under_load
from tests.support.postgres_pair import copy_server
from tests.support.product import Product, open_product
from tests.support.servers import temporary_postgres
from tests.support.stack import RunningStack, open_stack, wait_for
from tests.support.toll import Toll


@pytest.fixture
def stack() -> Iterator[RunningStack]:
    with temporary_postgres() as server:
        create_template(server)
        run_sql(server.dsn(), f"create database product template {TEMPLATE}")
        with open_stack(Database(server, "product")) as running:
            yield running


def test_a_session_revoked_at_gateways_stays_revoked_when_postgres_forgot_it(stack: RunningStack, toll: Toll) -> None:
    server = stack.database.server
    with TemporaryDirectory(prefix="authsession-backup-") as folder, open_product(stack) as product:
        with under_load(*stack.ports) as old:
            old.wait_for_more(logins=8)
        backup = EmbeddedPostgres(Path(folder))
        copy_server(server, backup)
        forgotten = [login for login in old.confirmed if login.revoked_at is None]
        for login in forgotten:
            old.revoke(login)
        with under_load(*stack.ports) as unknown:
            unknown.wait_for_more(logins=6)
        server.kill()
        with under_load(*stack.ports) as load:
            put_back(server, backup)
            restored_at = time.monotonic()
            assert status(stack, forgotten[0]) == "active"  # so Postgres has forgotten the revocation
            wait_for(lambda: all(status(stack, login) == "revoked" for login in forgotten), timeout=15)
            wait_for(lambda: are_revoked_at_gateways(product, unknown.confirmed), timeout=15)
            reconciled = time.monotonic() - restored_at
            healed = load.seconds_to_heal(since=restored_at)
        for each in (old, load):
            census = take_census(each, stack.database, stack.redis_server.port)
            assert census.is_clean, census
        toll(f"Postgres restored from an older backup, reconciled in {reconciled:.1f} s", load, census, healed)
        assert are_revoked_at_gateways(product, forgotten)
        assert {product.session(str(login.device_session_id))["revoke_reason_code"] for login in forgotten} == {
            "projection_revoked"
        }


def put_back(server: EmbeddedPostgres, backup: EmbeddedPostgres) -> None:
    """Restores the server from the backup, on its old port."""
    shutil.rmtree(server.data)
    backup.data.rename(server.data)
    server.start()


def status(stack: RunningStack, login: Login) -> str:
    """The status of the session in Postgres."""
    query = "select status from device_sessions where device_session_id = $1"
    return stack.database.execute(query, login.device_session_id)[0]["status"]


def are_revoked_at_gateways(product: Product, logins: Iterable[Login]) -> bool:
    records = [product.record(str(login.device_session_id)) for login in logins]
    return all(record is not None and b'"status":"revoked"' in record for record in records)
