"""Key rings are rotated while people log in, one replica after the other, and nothing fails (SPEC §10.9)."""

import base64
import signal
from collections.abc import Iterator

import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from tests.support.balancer import Balancer, balancer
from tests.support.builders import email_address
from tests.support.database import Database, cloned_database
from tests.support.load import under_load
from tests.support.product import open_product
from tests.support.servers import temporary_redis
from tests.support.stack import LOGIN_CODE_KEYS, SEALING_KEYS, SECRET_KEYS, RunningStack, redis_users, wait_for
from tests.support.stored_secrets import ring, store_secrets

NEW_KEY = "k2:" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def database(postgres_server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    with cloned_database(postgres_server, template) as clone:
        yield clone


@pytest.fixture
def replicas(database: Database) -> Iterator[list[RunningStack]]:
    """Two replicas of each service, on one Postgres and one Redis."""
    with temporary_redis(persistent=True, users=redis_users()) as redis_server:
        stacks = [RunningStack(database, redis_server, {"AUTHSESSION_DRAIN_DELAY": "300ms"}) for _ in range(2)]
        try:
            for stack in stacks:
                stack.start()
            yield stacks
        finally:
            for stack in stacks:
                stack.stop()


def test_changing_keys_by_a_rolling_restart_fails_no_login_and_no_mail(
    database: Database, replicas: list[RunningStack]
) -> None:
    """First every process learns to read the new key. Then each begins to write with it."""
    one, other = replicas
    store_secrets(database, ring(SECRET_KEYS), b"value", count=3)
    public, internal = zip(one.ports, other.ports, strict=True)
    with balancer(*public) as public_side, balancer(*internal) as internal_side, open_product(one) as product:
        sides = public_side, internal_side
        wait_for(lambda: all_ready(*sides))
        email = email_address()
        challenge_id = product.send(email)
        code = product.code(email, challenge_id)
        with under_load(public_side.port, internal_side.port, clients=4) as load:
            for order in ("{old},{new}", "{new},{old}"):
                for stack in replicas:
                    load.wait_for_more(logins=5)
                    replace(stack, order)
                    wait_for(lambda: all_ready(*sides))
            load.wait_for_more(logins=5)
        assert load.statuses.keys() == {200}
        assert product.confirm(challenge_id, code).status_code == 200, "a code of before, checked with the old key"
    assert {row["key_id"] for row in database.execute("select distinct key_id from login_codes")} == {"k1", "k2"}
    assert {row["key_id"] for row in database.execute("select distinct key_id from secret_versions")} == {"k2"}
    assert database.execute("select reason from mail_deliveries where state = 'failed'") == []


def replace(stack: RunningStack, order: str) -> None:
    """Ends both processes in order, and starts them with both keys. The first key is the one that writes."""
    children = [stack.child(name) for name in stack.services]
    for child in children:
        child.ask(signal.SIGTERM)
    assert [child.wait(20) for child in children] == [0, 0]
    for environment in stack.environment.values():
        environment["AUTHSESSION_LOGIN_CODE_KEYS"] = order.format(old=LOGIN_CODE_KEYS, new=NEW_KEY)
        environment["AUTHSESSION_SEALING_KEYS"] = order.format(old=SEALING_KEYS, new=NEW_KEY)
        environment["AUTHSESSION_SECRET_KEYS"] = order.format(old=SECRET_KEYS, new=NEW_KEY)
    stack.start()


def all_ready(*sides: Balancer) -> bool:
    return all(all(side.ready.values()) for side in sides)
