"""A failover of Redis that leaves every TCP connection open. The old primary still answers, and accepts no writes.

A switch, a virtual address, or haproxy without `shutdown-sessions` fails over in this way.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import redis as redis_py

from authsession.embedded.redis import EmbeddedRedis
from tests.support.builders import email_address
from tests.support.database import Database
from tests.support.product import Product, open_product
from tests.support.redis_bytes import stored
from tests.support.servers import temporary_redis
from tests.support.stack import REDIS_PASSWORD, RunningStack, redis_users, wait_for
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

BOUND = 10.0
"""Seconds within which a revocation must reach the new primary."""


@dataclass
class Pair:
    """Two servers behind a switch. The switch leads to `primary`."""

    switch: TcpProxy
    primary: EmbeddedRedis
    other: EmbeddedRedis

    def fail_over(self) -> None:
        """Exchanges the roles. The switch leaves connections to the old primary open."""
        self.primary, self.other = self.other, self.primary
        with administrator(self.primary) as new, administrator(self.other) as old:
            new.execute_command("REPLICAOF", "NO", "ONE")
            old.execute_command("REPLICAOF", "127.0.0.1", self.primary.port)
        self.switch.target = self.primary.port

    def replicate(self) -> None:
        """Returns when the other server follows the primary."""
        with administrator(self.other) as other:
            other.execute_command("REPLICAOF", "127.0.0.1", self.primary.port)
            wait_for(lambda: other.info("replication")["master_link_status"] == "up", timeout=30)


def administrator(server: EmbeddedRedis) -> redis_py.Redis:
    return redis_py.Redis(port=server.port, username="foreign", password=REDIS_PASSWORD)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    users = (*redis_users(), f"user foreign on >{REDIS_PASSWORD} ~* &* +@all")
    with ExitStack() as running:
        servers = [running.enter_context(temporary_redis(users=users)) for _ in range(2)]
        for server in servers:
            with administrator(server) as client:
                client.config_set("masteruser", "foreign")
                client.config_set("masterauth", REDIS_PASSWORD)
                client.config_set("repl-diskless-sync-delay", 0)
        switch = running.enter_context(tcp_proxy(servers[0].port))
        pair = Pair(switch, *servers)
        pair.replicate()
        yield pair


@pytest.fixture(scope="module")
def product(database: Database, pair: Pair) -> Iterator[Product]:
    limits = {"AUTHSESSION_SEND_RATE_LIMIT": "600/1m", "AUTHSESSION_REDIS_ADDR": pair.switch.address}
    stack = RunningStack(database, pair.primary, limits)
    try:
        stack.start()
        with open_product(stack) as product:
            yield product
    finally:
        stack.stop()


def test_a_revocation_reaches_the_new_primary_though_the_old_one_still_answers(pair: Pair, product: Product) -> None:
    revoked, kept = product.log_in(email_address()), product.log_in(email_address())
    pair.fail_over()
    started = time.monotonic()
    wait_for(lambda: product.revoke(revoked).status_code == 200, timeout=BOUND)
    with administrator(pair.primary) as primary:
        assert b'"status":"revoked"' in (stored(primary, f"gateway:session:{revoked}") or b"")
        assert b'"status":"active"' in (stored(primary, f"gateway:session:{kept}") or b"")
    email = email_address()
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    wait_for(lambda: product.confirm(challenge_id, code).status_code == 200, timeout=BOUND)
    assert time.monotonic() - started < BOUND
    for client in (product.metrics, product.internal):
        wait_for(lambda client=client: client.get("/readyz").json()["status"] == "ready")


def test_processes_that_meet_two_servers_say_so(pair: Pair, product: Product) -> None:
    """The old primary accepts writes again. Nothing refuses, so only the keeper's beat reveals it."""
    with administrator(pair.other) as other:
        other.execute_command("REPLICAOF", "NO", "ONE")
    stack = product.stack
    stack.environment["public"]["AUTHSESSION_REDIS_ADDR"] = pair.other.address
    stack.restart("public")
    report = wait_for(
        lambda: "redis" in (told := product.metrics.get("/readyz").json()).get("reasons", {}) and told, 20
    )
    assert (report["status"], report["reasons"]) == ("degraded", {"redis": "other_server"})
