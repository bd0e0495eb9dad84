"""A stranger's page in the browser of somebody near us gets nothing that needs no credentials (DNS rebinding, CSRF)."""

from collections.abc import Iterator
from typing import Any

import pytest

from services.internal_admin.callers.identity import Scope
from tests.support.api_tokens import make_token
from tests.support.control_plane import AUTH, ControlPlane, open_control_plane
from tests.support.world import World

SESSION = "/api/v1/internal/sessions/device-session-of-nobody"
CAUSE = {"reason_code": "test", "actor": {"type": "system"}}
SETTINGS = "/api/control-plane/system-settings"
LOGIN = {"user_name": "owner", "password": "wrong"}
WITHOUT_CREDENTIALS: tuple[tuple[str, str, Any, int], ...] = (
    ("GET", SESSION, None, 404),
    ("POST", f"{SESSION}/revoke", CAUSE, 404),
    ("GET", SETTINGS, None, 200),
    ("GET", f"{AUTH}/status", None, 200),
    ("POST", f"{AUTH}/login", LOGIN, 401),
    ("POST", f"{AUTH}/bootstrap/exchange", {"setup_code": "ABCD-EFGH-JKLM"}, 401),
)
STRANGERS = ({"host": "evil.example"}, {"host": "evil.example:8081"}, {"host": "127.0.0.1.evil.example"}, {"host": ""})
FOREIGN = (
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:9999"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": "http://internal"},
)
OWN = (
    {"host": "127.0.0.1:8081"},
    {"host": "[::1]:8081"},
    {"host": "localhost"},
    {"host": "LOCALHOST:8081"},
    {"host": "10.1.2.3"},
    {"host": "Internal:8081"},
    {"origin": "http://internal"},
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
)


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world, auth_mode="open") as control_plane:
        yield control_plane


@pytest.mark.parametrize("route", WITHOUT_CREDENTIALS, ids=lambda route: f"{route[0]} {route[1]}")
def test_an_unknown_host_is_refused_with_the_cure(plane: ControlPlane, route: tuple[str, str, Any, int]) -> None:
    method, path, body, _ = route
    for headers in STRANGERS:
        answer = plane.call(method, path, body, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
        assert "AUTHSESSION_INTERNAL_HOSTS" in answer.json()["error"]["message"]


@pytest.mark.parametrize("route", WITHOUT_CREDENTIALS, ids=lambda route: f"{route[0]} {route[1]}")
def test_a_foreign_origin_is_refused(plane: ControlPlane, route: tuple[str, str, Any, int]) -> None:
    method, path, body, _ = route
    for headers in FOREIGN:
        answer = plane.call(method, path, body, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_origin_request"), headers


@pytest.mark.parametrize("route", WITHOUT_CREDENTIALS, ids=lambda route: f"{route[0]} {route[1]}")
def test_programs_and_our_own_pages_are_served(plane: ControlPlane, route: tuple[str, str, Any, int]) -> None:
    method, path, body, status = route
    for headers in OWN:
        assert plane.call(method, path, body, headers=headers).status_code == status, headers


def test_good_credentials_go_by_any_name_and_bad_ones_by_none(world: World, plane: ControlPlane) -> None:
    token = make_token(world, [Scope.SESSIONS_READ]).secret
    by_name = {"host": "auth.example"}
    assert plane.get(SESSION, token=token, headers=by_name).status_code == 404
    assert plane.get(f"{AUTH}/status", token=token, headers=by_name).status_code == 200
    assert plane.get(SESSION, token="nobody's", headers=by_name).status_code == 401
    assert plane.get(f"{AUTH}/status", token="nobody's", headers=by_name).status_code == 403


def test_a_refused_mutation_of_a_page_is_on_the_trail(world: World, plane: ControlPlane) -> None:
    headers = {"host": "evil.example", "x-request-id": "request-of-a-page"}
    assert plane.post(f"{SESSION}/revoke", CAUSE, headers=headers).status_code == 403
    found = world.database.execute("select event, outcome from audit_events where request_id = 'request-of-a-page'")
    assert [tuple(row) for row in found] == [("security.refuse_request", "forbidden")]
