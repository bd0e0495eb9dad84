"""Laws of how a session that was opened is handed over: in the body or in a cookie (SPEC §10.4)."""

import json
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest

from contracts.control_plane.operator_sessions import SessionHolder, Transport, read_transport
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.secret import new_secret
from services.internal_admin.operator_sessions.cookie import CookieToken, SessionCookie
from services.internal_admin.operator_sessions.domain import (
    HeldSession,
    OperatorSession,
    SessionLives,
)
from services.internal_admin.operator_sessions.opened import OpenedSessions, client_of
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing
from shared.web.exchange import Request
from tests.support.builders import SOME_INSTANT
from tests.support.stack import COOKIE_KEYS
from tests.support.web_request import request

LIVES = SessionLives(timedelta(days=7))
COOKIE = SessionCookie(KeyRing.parse("test", COOKIE_KEYS), SystemEntropy())
OPENED = OpenedSessions(COOKIE, LIVES, is_development=True, allows_insecure_cookies=False)
TOKEN = new_secret(SystemEntropy())
HELD = HeldSession(
    OperatorSession(
        "operator-session-1", "operator-1", SOME_INSTANT, SOME_INSTANT, SOME_INSTANT + LIVES.absolute, None, None
    ),
    SessionHolder("operator-1", "ada", is_owner=True),
)
SESSION = {
    "session": {
        "operator_session_id": "operator-session-1",
        "created_at": "2026-04-05T12:00:00Z",
        "expires_at": "2026-04-12T12:00:00Z",
        "renew_before": "2026-04-05T20:00:00Z",
    },
    "operator": {"operator_id": "operator-1", "user_name": "ada", "is_owner": True},
}
BEHIND_TLS = request({"x-forwarded-proto": "https"}, "10.0.0.1", (ip_network("10.0.0.0/8"),))
ELSEWHERE = request(peer="192.0.2.7")
FORWARDED = request({"x-forwarded-for": "192.0.2.7"})
AT_HOME = request()


def test_by_bearer_the_token_is_in_the_body_and_no_cookie_is_set() -> None:
    response = OPENED.answer(AT_HOME, "bearer", HELD, TOKEN, {"recovery_codes": ["x"]})
    assert json.loads(response.body) == SESSION | {"session_token": TOKEN.text, "recovery_codes": ["x"]}
    assert response.headers == ()


def test_by_cookie_the_token_is_sealed_in_it_and_in_no_body() -> None:
    response = OPENED.answer(BEHIND_TLS, "cookie", HELD, TOKEN)
    assert json.loads(response.body) == SESSION
    ((name, value),) = response.headers
    pair, *attributes = value.decode().split("; ")
    assert name == b"set-cookie"
    assert COOKIE.find(pair) == CookieToken(TOKEN.text)
    assert "Max-Age=604800" in attributes
    assert "Secure" in attributes


def allows(opened: OpenedSessions, request: Request, transport: Transport = "cookie") -> bool:
    """Whether the transport is taken."""
    try:
        opened.check_transport(request, transport)
    except Refusal:
        return False
    return True


def test_a_refused_cookie_is_refused_with_the_reason_and_the_cure() -> None:
    with pytest.raises(Refusal) as caught:
        OPENED.check_transport(ELSEWHERE, "cookie")
    assert caught.value.code is ErrorCode.INSECURE_TRANSPORT
    assert caught.value.message == (
        "a cookie needs HTTPS, by a proxy in AUTHSESSION_TRUSTED_PROXIES that sends X-Forwarded-Proto; "
        "in development also plain HTTP from this machine, without a proxy; or ask for transport bearer"
    )


@pytest.mark.parametrize("request_", [AT_HOME, BEHIND_TLS, ELSEWHERE, FORWARDED])
def test_a_bearer_token_is_had_everywhere(request_: Request) -> None:
    assert allows(replace(OPENED, is_development=False), request_, "bearer")


def test_in_development_a_cookie_is_had_behind_tls_and_on_this_machine_only() -> None:
    allowed = [allows(OPENED, asked) for asked in (BEHIND_TLS, AT_HOME, ELSEWHERE, FORWARDED)]
    assert allowed == [True, True, False, False]


def test_in_production_a_cookie_is_had_behind_tls_only() -> None:
    production = replace(OPENED, is_development=False)
    allowed = [allows(production, asked) for asked in (BEHIND_TLS, AT_HOME, ELSEWHERE, FORWARDED)]
    assert allowed == [True, False, False, False]


def test_insecure_cookies_are_had_everywhere_if_they_are_allowed() -> None:
    insecure = replace(OPENED, allows_insecure_cookies=True)
    assert all(allows(insecure, asked) for asked in (BEHIND_TLS, AT_HOME, ELSEWHERE, FORWARDED))


def test_the_transport_is_bearer_unless_it_is_said() -> None:
    assert read_transport({}) == "bearer"
    assert read_transport({"transport": "bearer"}) == "bearer"
    assert read_transport({"transport": "cookie"}) == "cookie"


@pytest.mark.parametrize("value", ["", "Cookie", "both", None, 1, ["cookie"]])
def test_another_transport_is_an_invalid_request(value: object) -> None:
    with pytest.raises(Refusal) as caught:
        read_transport({"transport": value})
    assert caught.value.code is ErrorCode.INVALID_REQUEST


def test_a_long_user_agent_is_cut_to_what_the_table_takes() -> None:
    client = client_of(request({"user-agent": "x" * 300}, "192.0.2.7"))
    assert client.user_agent == "x" * 256
    assert client.network == "192.0.2.7"
    assert client_of(AT_HOME).user_agent is None
