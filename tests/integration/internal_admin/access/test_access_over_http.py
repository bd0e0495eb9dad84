"""Every route of the listener, with every kind of credentials: the table of access, held to what is served."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from services.internal_admin.callers.access import Anyone, OperatorOnly, Scoped
from services.internal_admin.callers.identity import Scope
from tests.support.api_tokens import attribute_token, expire_token, make_token, revoke_token
from tests.support.control_plane import ControlPlane, open_control_plane
from tests.support.declared_routes import ACCESS, NODE_ACCESS
from tests.support.world import World

BREAK_GLASS = "break-glass-token-of-the-tests-0123456789"
SCOPED = {route: access.scope for route, access in ACCESS.items() if isinstance(access, Scoped)}
OPERATORS = [route for route, access in ACCESS.items() if isinstance(access, OperatorOnly)]
CHECKED = [route for route, access in ACCESS.items() if not isinstance(access, Anyone)]

Route = tuple[str, str]


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world, requires_token=True, break_glass_token=BREAK_GLASS) as control_plane:
        yield control_plane


def ask(plane: ControlPlane, route: Route, token: str | None) -> httpx.Response:
    """One call; what stands in for a parameter names nothing."""
    method, path = route
    body: dict[str, Any] | None = {} if method in ("POST", "PATCH") else None
    return plane.call(method, path.replace("{", "").replace("}", ""), body, token=token)


def verdicts(plane: ControlPlane, calls: Iterable[tuple[Route, str | None]]) -> list[tuple[int, str | None]]:
    """Status and error code of each call; all at once, because refusals take their time."""
    with ThreadPoolExecutor(32) as pool:
        asked = [pool.submit(ask, plane, *call) for call in calls]
    answers = [future.result() for future in asked]
    return [(answer.status_code, answer.json().get("error", {}).get("code")) for answer in answers]


def test_the_table_of_access_is_what_is_served(plane: ControlPlane) -> None:
    """Without an entry a route cannot be served: `Guard.protect` raises. An entry without a route opens a later one."""
    assert set(plane.routes) == {*ACCESS, *NODE_ACCESS}


def test_without_credentials_every_route_that_asks_for_them_is_401(plane: ControlPlane) -> None:
    assert verdicts(plane, [(route, None) for route in CHECKED]) == [(401, "invalid_credentials")] * len(CHECKED)


def test_a_401_says_how_to_authenticate_and_comes_slowly(plane: ControlPlane) -> None:
    began = time.monotonic()
    answer = ask(plane, CHECKED[0], None)
    assert time.monotonic() - began >= 0.3
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_right_scope_alone_opens_a_route(world: World, plane: ControlPlane) -> None:
    tokens = {scope: make_token(world, [scope]).secret for scope in Scope}
    found = verdicts(plane, [(route, tokens[scope]) for route, scope in SCOPED.items()])
    assert [verdict for verdict in found if verdict[0] in (401, 403, 429, 500, 503)] == []


def test_every_other_scope_together_does_not(world: World, plane: ControlPlane) -> None:
    tokens = {scope: make_token(world, set(Scope) - {scope}).secret for scope in Scope}
    found = verdicts(plane, [(route, tokens[scope]) for route, scope in SCOPED.items()])
    assert found == [(403, "forbidden")] * len(SCOPED)


def test_a_403_names_the_scope_that_is_missing(world: World, plane: ControlPlane) -> None:
    reader = make_token(world, [Scope.SESSIONS_READ]).secret
    answer = ask(plane, ("POST", "/api/v1/internal/sessions/{device_session_id}/revoke"), reader)
    assert answer.json() == {"error": {"code": "forbidden", "message": "the token lacks the scope sessions:revoke"}}


@pytest.mark.parametrize("end", ["expired", "revoked", "creator_disabled", "unknown"])
def test_a_token_that_ended_opens_nothing(world: World, plane: ControlPlane, end: str) -> None:
    token_id, secret = make_token(world, Scope)
    match end:
        case "expired":
            expire_token(world, token_id)
        case "revoked":
            revoke_token(world, token_id)
        case "creator_disabled":
            operator_id = plane.add_operator()
            attribute_token(world, token_id, operator_id)
            assert ask(plane, next(iter(SCOPED)), secret).status_code == 404
            plane.disable(operator_id)
        case _:
            secret = secret[:-1] + ("A" if secret[-1] != "A" else "Q")
    assert verdicts(plane, [(route, secret) for route in CHECKED]) == [(401, "invalid_credentials")] * len(CHECKED)


def test_no_token_opens_what_is_an_operators(world: World, plane: ControlPlane) -> None:
    token = make_token(world, Scope).secret
    found = verdicts(plane, [(route, secret) for route in OPERATORS for secret in (token, BREAK_GLASS)])
    assert found == [(403, "forbidden")] * (2 * len(OPERATORS))


def test_break_glass_opens_every_scope(plane: ControlPlane) -> None:
    found = verdicts(plane, [(route, BREAK_GLASS) for route in SCOPED])
    assert [verdict for verdict in found if verdict[0] in (401, 403, 429, 500, 503)] == []


def test_an_operator_opens_everything(plane: ControlPlane) -> None:
    sessions = {route: plane.claim_owner().session_token for route in CHECKED}  # one of them logs out
    found = verdicts(plane, sessions.items())
    assert [verdict for verdict in found if verdict[0] in (401, 403, 429, 500, 503)] == []


@pytest.mark.parametrize("token", [None, "nobody's"])
def test_a_route_for_anyone_refuses_nobody_at_the_door(plane: ControlPlane, token: str | None) -> None:
    anyone = [route for route, access in ACCESS.items() if isinstance(access, Anyone)]
    assert {status for status, _ in verdicts(plane, [(route, token) for route in anyone])} <= {200, 400}
