"""Both processes survive every answer of Postgres or its pooler. They log it, answer 503, and heal."""

from collections.abc import Iterator

import pytest

from tests.support.builders import email_address
from tests.support.database import Database
from tests.support.product import SEND, Product, open_product
from tests.support.servers import temporary_redis
from tests.support.stack import RunningStack, redis_users, wait_for
from tests.support.strange_postgres import STRANGE, StrangePostgres, error, strange_postgres

MET = [name for name in STRANGE if not name.startswith("error ")][::2]
STATES = ["26000", "0A000", "XX000", "42601", "01000", "99999", "23505"]


@pytest.fixture(scope="module")
def peer_and_product(database: Database) -> Iterator[tuple[StrangePostgres, Product]]:
    port = database.server.port
    with temporary_redis(users=redis_users()) as redis, strange_postgres(port) as peer:
        stack = RunningStack(database, redis, {})
        for environment in stack.environment.values():
            dsn = environment["AUTHSESSION_POSTGRES_DSN"]
            environment["AUTHSESSION_POSTGRES_DSN"] = dsn.replace(f":{port}/", f":{peer.port}/")
        try:
            stack.start()
            with open_product(stack) as product:
                yield peer, product
        finally:
            stack.stop()


def test_no_answer_of_postgres_ends_a_process_and_all_of_them_heal(
    peer_and_product: tuple[StrangePostgres, Product],
) -> None:
    peer, product = peer_and_product
    clients = {"public": product.metrics, "internal": product.internal}
    session_id = product.log_in(email_address())
    for said in (*(error(state) for state in STATES), *(STRANGE[name] for name in MET)):
        peer.say(said)
        for client in clients.values():
            wait_for(lambda client=client: client.get("/readyz").status_code == 503)
        wait_for(lambda: peer.met >= 6)
        assert {product.stack.child(name).exit_status() for name in clients} == {None}, said
    peer.say(error("26000"))
    assert product.public.post(SEND, json={"email": email_address()}).status_code == 503
    assert product.revoke(session_id).status_code == 503
    assert product.metrics.get("/readyz").json()["status"] == "unavailable"
    peer.say(None)
    for client in clients.values():
        wait_for(lambda client=client: client.get("/readyz").json()["status"] == "ready")
    assert product.revoke(session_id).status_code == 200
    product.log_in(email_address())
