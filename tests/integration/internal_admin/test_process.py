"""The internal service as a process: health, readiness, metrics, refusals at boot, orderly end (SPEC §1.1, §13)."""

import json
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import httpx
import pytest
import redis as redis_py

from authsession.embedded.child import Child, free_port
from authsession.embedded.redis import EmbeddedRedis
from authsession.service import Service
from shared.kernel.address import TcpAddress
from tests.support.builders import store_session, store_user
from tests.support.database import Database
from tests.support.redis_bytes import stored
from tests.support.servers import temporary_redis
from tests.support.stack import AUDIT_KEYS, COOKIE_KEYS, LOGIN_CODE_KEYS, SEALING_KEYS, SECRET_KEYS, wait_for
from tests.support.stored_secrets import forget_secrets, ring, store_secrets
from tests.support.tcp_proxy import tcp_proxy

OTHER_KEYS = SECRET_KEYS.replace("k1:", "k2:").replace("c2Vj", "b3Ro")
CAUSE = {"reason_code": "admin_revoke", "actor": {"type": "system"}}


class Process:
    """A running internal process and a client of it."""

    def __init__(self, database: Database, redis: EmbeddedRedis, **changes: str) -> None:
        address = TcpAddress("127.0.0.1", free_port())
        self.environment = {
            "AUTHSESSION_POSTGRES_DSN": database.internal_dsn,
            "AUTHSESSION_REDIS_ADDR": redis.address,
            "AUTHSESSION_INTERNAL_HTTP_ADDR": f":{address.port}",
            "AUTHSESSION_LOGIN_CODE_KEYS": LOGIN_CODE_KEYS,
            "AUTHSESSION_SEALING_KEYS": SEALING_KEYS,
            "AUTHSESSION_COOKIE_KEYS": COOKIE_KEYS,
            "AUTHSESSION_AUDIT_KEYS": AUDIT_KEYS,
            "AUTHSESSION_DRAIN_DELAY": "0",
        } | changes
        self.lines: list[str] = []
        self.service = Service("internal", "services.internal_admin", address)
        self.child: Child = self.service.start(self.environment, self.lines.append)
        self.http = httpx.Client(base_url=f"http://{address}", timeout=30)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 30
        while not self.service.is_ready():
            assert self.child.exit_status() is None, self.child.tail()
            assert time.monotonic() < deadline, self.child.tail()
            time.sleep(0.02)

    def problems(self) -> list[str]:
        return [line["problem"] for line in map(json.loads, self.lines) if "problem" in line]


@contextmanager
def running(database: Database, redis: EmbeddedRedis, **changes: str) -> Generator[Process]:
    process = Process(database, redis, **changes)
    try:
        yield process
    finally:
        process.http.close()
        process.child.kill()


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    with temporary_redis() as server:
        yield server


def test_it_becomes_ready_answers_and_ends_with_0_on_sigterm(database: Database, own_redis: EmbeddedRedis) -> None:
    session = store_session(database, store_user(database))
    with running(database, own_redis) as process:
        process.wait_until_ready()

        assert process.http.get("/healthz").json() == {"status": "ok"}
        assert process.http.get("/readyz").json() == {
            "status": "ready",
            "checks": {"postgres": "ok", "schema": "ok", "redis": "ok", "secret_keys": "ok"},
        }
        path = f"/api/v1/internal/sessions/{session.device_session_id}/revoke"
        assert process.http.post(path, json=CAUSE).json()["outcome"] == "revoked"
        metrics = process.http.get("/metrics").text
        assert 'http_route="/api/v1/internal/sessions/{device_session_id}/revoke"' in metrics

        process.child.ask(signal.SIGTERM)
        assert process.child.wait(30) == 0


def test_without_redis_it_is_degraded_and_still_takes_revocations(database: Database, own_redis: EmbeddedRedis) -> None:
    session = store_session(database, store_user(database))
    with running(database, own_redis) as process:
        process.wait_until_ready()
        own_redis.kill()
        time.sleep(0.6)  # a report is kept for half a second

        answer = process.http.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        path = f"/api/v1/internal/sessions/{session.device_session_id}"
        assert process.http.post(path + "/revoke", json=CAUSE).status_code == 503
        assert process.http.get(path).json()["session"]["status"] == "revoked"


def test_with_a_schema_older_than_its_code_it_is_not_ready(database: Database, own_redis: EmbeddedRedis) -> None:
    newest = database.execute("select * from schema_migrations order by version desc limit 1")[0]
    database.execute("delete from schema_migrations where version = $1", newest["version"])
    try:
        with running(database, own_redis) as process:
            deadline = time.monotonic() + 30
            while True:
                try:
                    answer = process.http.get("/readyz")
                    break
                except httpx.ConnectError:
                    assert time.monotonic() < deadline, process.child.tail()
                    time.sleep(0.02)
            assert (answer.status_code, answer.json()["checks"]["schema"]) == (503, "failed")
    finally:
        database.execute(
            "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)",
            newest["version"],
            newest["name"],
            newest["checksum"],
        )


def test_a_refused_configuration_names_every_problem_and_ends_with_78(
    database: Database, own_redis: EmbeddedRedis
) -> None:
    with running(database, own_redis, AUTHSESSION_DRAIN_DELAY="soon", AUTHSESSION_REDIS_DB="-1") as process:
        assert process.child.wait(30) == 78
        assert sorted(problem.split()[0] for problem in process.problems()) == [
            "AUTHSESSION_DRAIN_DELAY",
            "AUTHSESSION_REDIS_DB",
        ]


@pytest.fixture
def twelve_versions(database: Database) -> Iterator[None]:
    """A secret with twelve versions."""
    store_secrets(database, ring(SECRET_KEYS), *[b"value"] * 12)
    yield
    forget_secrets(database)


@pytest.mark.usefixtures("twelve_versions")
@pytest.mark.parametrize("keys", [OTHER_KEYS, ""])
def test_a_key_that_stored_secrets_need_must_not_be_taken_away(
    database: Database, own_redis: EmbeddedRedis, keys: str
) -> None:
    with running(database, own_redis, AUTHSESSION_SECRET_KEYS=keys) as process:
        assert process.child.wait(30) == 78
        [problem] = process.problems()
        assert problem.startswith(
            "AUTHSESSION_SECRET_KEYS lacks the key k1: 12 versions of secrets need it; put it back, or"
        )


@pytest.mark.usefixtures("twelve_versions")
def test_without_postgres_a_process_that_lacks_a_key_lives_and_is_not_ready_until_no_secret_needs_it(
    database: Database, own_redis: EmbeddedRedis
) -> None:
    def report() -> tuple[int, dict[str, str]]:
        try:
            answer = process.http.get("/readyz")
        except httpx.ConnectError:
            return 0, {}
        return answer.status_code, answer.json().get("reasons", {})

    with tcp_proxy(free_port()) as proxy:
        dsn = database.internal_dsn.replace(f":{database.server.port}/", f":{proxy.port}/")
        changes = {"AUTHSESSION_POSTGRES_DSN": dsn, "AUTHSESSION_SECRET_KEYS": OTHER_KEYS}
        with running(database, own_redis, **changes) as process:
            wait_for(lambda: report()[0] == 503)
            assert report()[1]["secret_keys"] == report()[1]["postgres"]
            proxy.target = database.server.port
            wait_for(lambda: report() == (503, {"secret_keys": "secret_key_missing"}))
            [problem] = wait_for(process.problems)
            assert "12 versions of secrets need it" in problem
            forget_secrets(database)
            process.wait_until_ready()
            store_secrets(database, ring(SECRET_KEYS), b"value")
            time.sleep(0.6)  # a report is kept for half a second
            assert report() == (200, {}), "a key that another process brings in later stops no process"


def test_an_address_in_use_is_one_sentence_and_ends_with_a_status_that_units_retry(
    database: Database, own_redis: EmbeddedRedis
) -> None:
    with running(database, own_redis) as first:
        first.wait_until_ready()
        address = first.environment["AUTHSESSION_INTERNAL_HTTP_ADDR"]
        with running(database, own_redis, AUTHSESSION_INTERNAL_HTTP_ADDR=address) as second:
            assert second.child.wait(30) == 1
            [problem] = second.problems()
            assert "in use" in problem


def test_nodes_have_a_listener_that_serves_nothing_of_operators(database: Database, own_redis: EmbeddedRedis) -> None:
    port = free_port()
    with running(database, own_redis, AUTHSESSION_NODE_HTTP_ADDR=f"127.0.0.1:{port}") as process:
        process.wait_until_ready()
        node_api = f"http://127.0.0.1:{port}"
        assert process.http.get(f"{node_api}/healthz").json() == {"status": "ok"}
        assert process.http.get(f"{node_api}/readyz").json() == {"status": "ready"}
        for path in ("/metrics", "/api/v1/internal/sessions", "/api/control-plane/auth/status"):
            assert process.http.get(node_api + path).status_code == 404
        assert "checks" in process.http.get("/readyz").json()
        process.child.ask(signal.SIGTERM)
        assert process.child.wait(30) == 0


def test_a_port_alone_means_loopback_while_no_credentials_are_needed(
    database: Database, own_redis: EmbeddedRedis
) -> None:
    with running(database, own_redis) as process:
        process.wait_until_ready()
        [line] = [line for line in map(json.loads, process.lines) if line["event"] == "listening"]
        assert line["address"].startswith("127.0.0.1:")


def test_a_session_past_its_age_is_revoked_at_gateways_and_removed(
    database: Database, own_redis: EmbeddedRedis
) -> None:
    """Session expiry and retention run in this process."""
    (row,) = database.execute("select clock_now() - interval '366 days' as long_ago")
    session_id = store_session(database, store_user(database), created_at=row["long_ago"]).device_session_id
    database.execute("insert into emails (folded, created_at) values ('long-ago@example.com', $1)", row["long_ago"])
    with running(database, own_redis) as process, redis_py.Redis(port=own_redis.port) as client:
        wait_for(lambda: b'"status":"revoked"' in (stored(client, f"gateway:session:{session_id}") or b""))
        wait_for(lambda: not database.execute("select from emails where folded = 'long-ago@example.com'"))
        process.wait_until_ready()
        assert 'authsession_retention_removed_total{kind="email"} 1' in process.http.get("/metrics").text
