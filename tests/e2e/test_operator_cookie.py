"""A browser's session over sockets: plain HTTP on this machine in development, a change of the key, and a logout (SPEC
§10.4).
"""

from collections.abc import Iterator

import httpx
import pytest
import redis as redis_py

from authsession.embedded.postgres import EmbeddedPostgres
from tests.support.control_plane import AUTH, COOKIE
from tests.support.database import cloned_database
from tests.support.servers import temporary_redis
from tests.support.stack import COOKIE_KEYS, REDIS_PASSWORD, RunningStack, redis_users

NEW_KEY = "k2:" + "bmV3LWtl" * 6
OWNER = {"user_name": "ada", "password": "Correct-Horse-7-Battery", "transport": "cookie"}


@pytest.fixture(scope="module")
def stack(postgres_server: EmbeddedPostgres, template: str) -> Iterator[RunningStack]:
    """The internal process alone. Its first owner may be claimed from this machine."""
    with cloned_database(postgres_server, template) as database, temporary_redis(users=redis_users()) as redis_server:
        stack = RunningStack(database, redis_server, {"AUTHSESSION_ALLOW_LOOPBACK_BOOTSTRAP": "true"})
        try:
            stack.start("internal")
            yield stack
        finally:
            stack.stop()


def test_a_browser_logs_in_stays_so_when_the_key_changes_and_logs_out(stack: RunningStack) -> None:
    own_origin = {"origin": stack.internal_url}
    with httpx.Client(base_url=stack.internal_url, timeout=30) as browser:
        claimed = browser.post(f"{AUTH}/register-owner", json=OWNER)
        assert claimed.status_code == 200, claimed.text
        assert "session_token" not in claimed.json()
        assert browser.get(f"{AUTH}/status").json()["operator"]["user_name"] == "ada"
        first_cookie = browser.cookies[COOKIE]

        stack.environment["internal"]["AUTHSESSION_COOKIE_KEYS"] = f"{NEW_KEY},{COOKIE_KEYS}"
        stack.restart("internal")
        assert browser.get("/v1/auth/session").status_code == 200
        assert browser.cookies[COOKIE].startswith("v1.k2.")
        assert browser.get(f"{AUTH}/sessions").status_code == 200

        assert browser.post(f"{AUTH}/logout").json()["error"]["code"] == "cross_origin_request"
        assert browser.post(f"{AUTH}/logout", headers=own_origin).json()["outcome"] == "revoked"
        assert COOKIE not in browser.cookies

    with httpx.Client(base_url=stack.internal_url, timeout=30, cookies={COOKIE: first_cookie}) as old_browser:
        answer = old_browser.get("/v1/auth/session", follow_redirects=False)
        assert answer.status_code == 401
        assert "Max-Age=0" in answer.headers["set-cookie"]


def test_a_cookie_over_plain_http_from_another_machine_is_refused_first_and_with_the_reason(
    stack: RunningStack,
) -> None:
    log_in = {"user_name": "nobody", "password": "wrong", "transport": "cookie"}
    forwarded = {"x-forwarded-for": "192.0.2.7"}
    answer = httpx.post(f"{stack.internal_url}{AUTH}/login", json=log_in, headers=forwarded)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "insecure_transport"
    assert "AUTHSESSION_TRUSTED_PROXIES" in answer.json()["error"]["message"]
    assert "set-cookie" not in answer.headers
    rows = stack.database.execute("select 1 from audit_events where event = 'security.log_in'")
    assert rows == []


def test_limits_of_the_control_plane_are_counted_in_redis(stack: RunningStack) -> None:
    """The internal process's Redis user has the right to count. Otherwise each replica would count for itself."""
    assert httpx.get(f"{stack.internal_url}{AUTH}/status").status_code == 200
    with redis_py.Redis(port=stack.redis_server.port, username="internal", password=REDIS_PASSWORD) as redis:
        assert redis.get("control-plane:authsession:rate:all:127.0.0.1") is not None
    assert not any("rate limits counted in the process" in line for line in stack.lines["internal"])
