"""Both processes survive every answer of Redis, and log it. Logins and revocations get 503, and everything heals by
itself.
"""

import time
from collections.abc import Iterator

import httpx
import pytest
import redis as redis_py

from shared.projection.rights import DRY_RUN
from tests.support.builders import email_address
from tests.support.database import Database
from tests.support.product import Product, open_product
from tests.support.servers import temporary_redis
from tests.support.stack import REDIS_PASSWORD, RunningStack, redis_users, wait_for
from tests.support.strange_redis import HANDSHAKE, SLOW, STRANGE, Said, StrangeRedis, strange_redis

REFUSALS = [name for name in STRANGE if name.startswith("refusal")]
FORMS = [name for name in STRANGE if name not in (*REFUSALS, *SLOW)]
MET_BY_PROCESSES = (*REFUSALS[::2], *FORMS, "half a text", "silence")
"""The answers that both processes meet. Refusals differ only in their text, so half of them suffice here;
tests/integration/io/test_strange_redis.py has all.
"""
RATES = {"AUTHSESSION_SEND_RATE_LIMIT": "6000/1m", "AUTHSESSION_CONFIRM_RATE_LIMIT": "6000/1m"}


@pytest.fixture(scope="module")
def peer_and_product(database: Database) -> Iterator[tuple[StrangeRedis, Product]]:
    users = (*redis_users(), f"user foreign on >{REDIS_PASSWORD} ~* &* +@all")
    with temporary_redis(users=users) as server, strange_redis(server.port) as peer:
        stack = RunningStack(database, server, {**RATES, "AUTHSESSION_REDIS_ADDR": peer.address})
        try:
            stack.start()
            with open_product(stack) as product:
                yield peer, product
        finally:
            stack.stop()


@pytest.fixture
def peer(peer_and_product: tuple[StrangeRedis, Product]) -> StrangeRedis:
    peer_and_product[0].say(None)
    return peer_and_product[0]


@pytest.fixture
def product(peer_and_product: tuple[StrangeRedis, Product]) -> Product:
    return peer_and_product[1]


def readiness(product: Product) -> dict[str, dict[str, object]]:
    """The detailed readiness of both processes."""
    return {
        "public": product.metrics.get("/readyz").json(),
        "internal": product.internal.get("/readyz").json(),
    }


def are_all(product: Product, status: str) -> bool:
    return all(report["status"] == status for report in readiness(product).values())


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert 1 <= int(answer.headers["retry-after"]) <= 10


def assert_both_live(product: Product) -> None:
    assert {name: product.stack.child(name).exit_status() for name in product.stack.services} == {
        "public": None,
        "internal": None,
    }


def test_no_answer_of_redis_ends_a_process_and_all_of_them_heal(peer: StrangeRedis, product: Product) -> None:
    """Both processes meet each strange answer to every command, of their workers and of readiness checks."""
    for name in MET_BY_PROCESSES:
        peer.say(STRANGE[name])
        wait_for(lambda: readiness(product) and min(peer.met["public"], peer.met["internal"]) >= 1)
        assert_both_live(product)
    wait_for(lambda: are_all(product, "degraded"))
    peer.say(None)
    wait_for(lambda: are_all(product, "ready"))
    product.log_in(email_address())


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said(b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"), "WRONGTYPE"),
        (Said(b"-ERR max daily request limit exceeded\r\n"), "ERR"),
        (Said(b"-upstream failure\r\n"), "error"),
        (Said(b"HTTP/1.1 400 Bad Request\r\n\r\n"), None),
        (STRANGE["array of refusals"], "unexpected answer"),
        (STRANGE["closed"], None),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_sends_go_on_while_confirms_and_revocations_get_503(
    peer: StrangeRedis, product: Product, said: Said, reason: str | None
) -> None:
    session_id = product.log_in(email_address())
    email = email_address()
    challenge_id = product.send(email)
    code = product.code(email, challenge_id)
    peer.say(said)
    product.send(email_address())
    assert_unavailable(product.confirm(challenge_id, code))
    assert_unavailable(product.revoke(session_id))
    wait_for(lambda: are_all(product, "degraded"))
    for listener, report in readiness(product).items():
        own = {"secret_keys": "ok"} if listener == "internal" else {}
        assert report["checks"] == {"postgres": "ok", "schema": "ok", "redis": "failed", **own}
        if reason is not None:
            assert report["reasons"] == {"redis": reason}
    assert product.public.get("/readyz").json() == {"status": "degraded"}
    peer.say(None)
    wait_for(lambda: are_all(product, "ready"))
    assert product.confirm(challenge_id, code).status_code == 200
    product.wait_for_status(session_id, "revoked")
    assert_both_live(product)


def test_where_only_info_is_refused_logins_go_on_and_readiness_says_so(peer: StrangeRedis, product: Product) -> None:
    everything_but_info = HANDSHAKE | {b"EVALSHA", b"SCRIPT", b"PING", b"GET", b"HGETALL", b"SCAN"}
    peer.say(Said(b"-ERR unknown command 'INFO'\r\n"), spared=everything_but_info)
    wait_for(lambda: are_all(product, "degraded"))
    assert readiness(product)["public"]["reasons"] == {"redis": "ERR"}
    product.log_in(email_address())
    assert_both_live(product)


@pytest.mark.parametrize("key", ["gateway:session_events", "gateway:projection"])
def test_a_key_of_another_type_is_replaced_and_that_is_said(product: Product, peer: StrangeRedis, key: str) -> None:
    session_id = product.log_in(email_address())
    with redis_py.Redis(port=product.stack.redis_server.port, username="foreign", password=REDIS_PASSWORD) as foreign:
        said = len(replacements(product))
        foreign.set(key, "x")
        started = time.monotonic()
    wait_for(lambda: len(replacements(product)) > said)
    product.send(email_address())
    wait_for(lambda: (answer := product.revoke(session_id)).status_code == 200 and answer)
    assert time.monotonic() - started < 5
    product.wait_for_status(session_id, "revoked")
    assert product.entries(session_id)[-1][b"status"] == b"revoked"
    wait_for(lambda: are_all(product, "ready"))
    assert_both_live(product)


def test_a_stream_whose_last_id_somebody_took_is_replaced_told_and_audited(
    product: Product, database: Database, peer: StrangeRedis
) -> None:
    session_id = product.log_in(email_address())
    last = "18446744073709551615-18446744073709551615"
    port = product.stack.redis_server.port
    with redis_py.Redis(port=port, username="public", password=REDIS_PASSWORD) as public:
        public.xadd("gateway:session_events", {"no": "entry"}, id=last)
    wait_for(lambda: (answer := product.revoke(session_id)).status_code == 200 and answer)
    product.wait_for_status(session_id, "revoked")
    assert product.entries(session_id)[-1][b"status"] == b"revoked"
    product.log_in(email_address())
    wait_for(lambda: are_all(product, "ready"))
    assert_both_live(product)
    assert any("stream of gateway events replaced" in line for lines in product.stack.lines.values() for line in lines)
    told = "select caller from audit_events where reason_code = 'last_id' and event = 'security.correct_projection'"
    assert [row["caller"] for row in database.execute(told)] == ["system"]


def test_readiness_sees_a_stream_that_takes_no_entry(product: Product, peer: StrangeRedis) -> None:
    with redis_py.Redis(port=product.stack.redis_server.port, username="foreign", password=REDIS_PASSWORD) as foreign:
        foreign.xadd("full", {"no": "entry"}, id="18446744073709551615-18446744073709551615")
        assert foreign.eval(DRY_RUN, 1, "full", "stream") != b""
        foreign.xadd("usual", {"no": "entry"})
        assert foreign.eval(DRY_RUN, 1, "usual", "stream") == foreign.eval(DRY_RUN, 1, "none", "stream") == b""


def replacements(product: Product) -> list[str]:
    """The log lines about keys of another type."""
    return [line for lines in product.stack.lines.values() for line in lines if "of another type" in line]


def test_a_record_of_another_type_is_replaced_by_the_next_write(product: Product, peer: StrangeRedis) -> None:
    session_id = product.log_in(email_address())
    key = f"gateway:session:{session_id}"
    with redis_py.Redis(port=product.stack.redis_server.port, username="foreign", password=REDIS_PASSWORD) as foreign:
        foreign.set(key, "x", pxat=1)
        foreign.hset(key, "no", "record")
    assert product.revoke(session_id).status_code == 200
    assert b'"status":"revoked"' in (product.record(session_id) or b"")
