"""The guard before every route: its refusals, its admissions without credentials, and its rows of the trail."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from services.internal_admin.callers.identity import Scope
from tests.support.api_tokens import make_token
from tests.support.control_plane import AUTH, PEER, ControlPlane, open_control_plane
from tests.support.world import World

READ = "/api/v1/internal/sessions/device-session-of-nobody"
REVOKE = f"{READ}/revoke"
REVOKE_TEMPLATE = "/api/v1/internal/sessions/{device_session_id}/revoke"
CAUSE = {"reason_code": "test", "actor": {"type": "system"}}
SETTINGS = "/api/control-plane/system-settings"
TOKENS = f"{AUTH}/tokens"
BREAK_GLASS = "break-glass-token-of-the-tests-\xe9-0123456789"
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}
LEAST, MOST = 0.5, 1.5
"""Of a burst. On a busy machine Redis may be silent for so long that the process counts by itself, at half the rate."""

Rows = Callable[[], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world, requires_token=True, break_glass_token=BREAK_GLASS) as control_plane:
        yield control_plane


@pytest.fixture
def rows(world: World) -> Rows:
    """Event, outcome, caller, network and details of the rows since the test began; its request ids are told too."""
    (last,) = world.database.execute("select coalesce(max(audit_id), 0) from audit_events")[0]

    def read() -> list[tuple[Any, ...]]:
        found = world.database.execute(
            "select event, outcome, caller, network, details from audit_events"
            " where audit_id > $1 and event <> 'security.begin_epoch' order by audit_id",
            last,
        )
        return [(*tuple(row)[:4], json.loads(row["details"] or "{}")) for row in found]

    return read


def refused(outcome: str, caller: str, route: str = REVOKE_TEMPLATE, method: str = "POST") -> tuple[Any, ...]:
    return ("security.refuse_request", outcome, caller, PEER, {"method": method, "route": route})


def test_a_refused_mutation_is_on_the_trail_with_who_tried_it(world: World, plane: ControlPlane, rows: Rows) -> None:
    token = make_token(world, [Scope.SESSIONS_READ])
    before = rows()
    assert plane.post(REVOKE, CAUSE).status_code == 401
    assert plane.post(REVOKE, CAUSE, token="nobody's").status_code == 401
    assert plane.post(REVOKE, CAUSE, token=token.secret).status_code == 403
    assert rows()[len(before) :] == [
        refused("invalid_credentials", "anonymous"),
        refused("invalid_credentials", "anonymous"),
        refused("forbidden", token.token_id),
    ]


def test_a_row_of_a_refusal_bears_the_id_of_its_request(world: World, plane: ControlPlane) -> None:
    assert plane.post(REVOKE, CAUSE, headers={"x-request-id": "request-of-this-test"}).status_code == 401
    found = world.database.execute("select event from audit_events where request_id = 'request-of-this-test'")
    assert [tuple(row) for row in found] == [("security.refuse_request",)]


def test_a_refused_reading_is_on_the_trail_only_if_credentials_were_tried(plane: ControlPlane, rows: Rows) -> None:
    template = "/api/v1/internal/sessions/{device_session_id}"
    assert plane.get(READ).status_code == 401
    assert plane.get(READ, token="nobody's").status_code == 401
    assert plane.get(f"{AUTH}/session", token="nobody's").status_code == 401
    assert rows() == [
        refused("invalid_credentials", "anonymous", template, "GET"),
        refused("invalid_credentials", "anonymous", f"{AUTH}/session", "GET"),
    ]


def test_typed_text_is_in_no_row(world: World, plane: ControlPlane) -> None:
    typed = "pilot@example.com"
    assert plane.post(f"/api/v1/internal/sessions/{typed}/revoke", CAUSE, token=typed).status_code == 401
    found = world.database.execute("select from audit_events where audit_events::text like $1", f"%{typed}%")
    assert found == []


@pytest.mark.parametrize("path", [READ, f"{AUTH}/status"])
def test_each_use_of_break_glass_is_on_the_trail_be_it_to_read(plane: ControlPlane, rows: Rows, path: str) -> None:
    answer = plane.get(path, headers={"authorization": f"Bearer {BREAK_GLASS}".encode()})  # pyright: ignore[reportArgumentType]
    assert answer.status_code in (200, 404)
    ((event, outcome, caller, network, details),) = rows()
    assert (event, outcome, caller, network) == ("security.use_break_glass", "admitted", "break_glass", PEER)
    assert details["method"] == "GET"


def test_break_glass_that_is_refused_is_on_the_trail_once(plane: ControlPlane, rows: Rows) -> None:
    body = {"name": "x", "scopes": ["sessions:read"]}
    answer = plane.post(TOKENS, body, headers={"authorization": f"Bearer {BREAK_GLASS}".encode()})  # pyright: ignore[reportArgumentType]
    assert answer.status_code == 403
    assert rows() == [
        ("security.use_break_glass", "forbidden", "break_glass", PEER, {"method": "POST", "route": TOKENS})
    ]


def test_a_mutation_by_break_glass_names_it_as_its_caller(plane: ControlPlane, rows: Rows) -> None:
    answer = plane.post(REVOKE, CAUSE, headers={"authorization": f"Bearer {BREAK_GLASS}".encode()})  # pyright: ignore[reportArgumentType]
    assert answer.status_code == 404
    assert [row[:3] for row in rows()] == [
        ("security.use_break_glass", "admitted", "break_glass"),
        ("security.revoke_session", "session_not_found", "break_glass"),
    ]


def test_the_caller_of_a_mutation_is_the_token_and_the_actor_is_as_claimed(world: World, plane: ControlPlane) -> None:
    token = make_token(world, [Scope.SESSIONS_REVOKE])
    assert plane.post(REVOKE, CAUSE, token=token.secret).status_code == 404
    (row,) = world.database.execute("select * from audit_events where caller = $1", token.token_id)
    assert (row["event"], row["outcome"], row["actor_type"]) == (
        "security.revoke_session",
        "session_not_found",
        "system",
    )


def test_bad_credentials_are_refused_where_none_would_be_needed(world: World) -> None:
    with open_control_plane(world) as trusting:
        assert trusting.get(READ).status_code == 404
        assert trusting.get(READ, token="nobody's").status_code == 401
        assert trusting.get(READ, headers={"authorization": "Basic cGlsb3Q6cGlsb3Q="}).status_code == 401
        assert trusting.get(READ, cookie="v1.k1.broken").status_code == 401


def test_a_token_binds_itself_where_none_would_be_needed(world: World) -> None:
    """A caller that sends credentials is held to them."""
    with open_control_plane(world) as trusting:
        reader = make_token(world, [Scope.SESSIONS_READ]).secret
        assert trusting.post(REVOKE, CAUSE).status_code == 404
        assert trusting.post(REVOKE, CAUSE, token=reader).status_code == 403


def test_the_trusted_network_is_trusted_with_nothing_of_the_control_plane(world: World) -> None:
    with open_control_plane(world, peer="127.0.0.1") as trusting:
        assert trusting.get(SETTINGS).status_code == 401


@pytest.mark.parametrize(
    ("mode", "peer", "headers", "status"),
    [("operator", "127.0.0.1", {}, 401), ("development", "127.0.0.1", {}, 200), ("development", "::1", {}, 200),
     ("development", PEER, {}, 401), ("development", "127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, 401),
     ("development", "127.0.0.1", {"forwarded": "for=127.0.0.1"}, 401), ("open", PEER, {}, 200)],
)  # fmt: skip
def test_modes_of_development_admit_without_credentials(
    world: World, mode: str, peer: str, headers: dict[str, str], status: int
) -> None:
    with open_control_plane(world, auth_mode=mode, peer=peer, requires_token=True) as plane:
        assert plane.get(SETTINGS, headers=headers).status_code == status
        assert plane.get(READ, headers=headers).status_code == 401, "the internal API has a setting of its own"


def test_no_mode_makes_an_operator_of_a_stranger(world: World) -> None:
    with open_control_plane(world, auth_mode="open") as plane:
        answer = plane.get(TOKENS)
        assert answer.status_code == 401
        assert answer.json()["error"] == {
            "code": "invalid_credentials", "message": "this needs the session of an operator"
        }  # fmt: skip


def test_a_cookie_moves_nothing_without_a_proof_of_its_origin(plane: ControlPlane, rows: Rows) -> None:
    owner = plane.claim_owner()
    cookie = plane.cookie(owner.session_token)
    assert plane.get(READ, cookie=cookie).status_code == 404
    answer = plane.post(REVOKE, CAUSE, cookie=cookie)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_origin_request")
    assert rows() == [refused("cross_origin_request", owner.operator_id)]
    assert plane.post(REVOKE, CAUSE, cookie=cookie, headers=SAME_ORIGIN).status_code == 404
    assert plane.post(REVOKE, CAUSE, token=owner.session_token).status_code == 404, "a script that has the token has it"


def test_a_dead_cookie_is_taken_away_by_its_401(plane: ControlPlane) -> None:
    for cookie in ("v1.k1.broken", plane.cookie("A" * 43)):
        answer = plane.get(f"{AUTH}/sessions", cookie=cookie)
        assert answer.status_code == 401
        assert "Max-Age=0" in answer.headers["set-cookie"]
    assert "set-cookie" not in plane.get(f"{AUTH}/sessions", token="nobody's").headers


def test_an_api_token_in_a_cookie_is_no_session(world: World, plane: ControlPlane) -> None:
    token = make_token(world, Scope).secret
    assert plane.get(READ, token=token).status_code == 404
    assert plane.get(READ, cookie=plane.cookie(token)).status_code == 401


def flood(ask: Callable[[int], httpx.Response], count: int) -> tuple[list[httpx.Response], float]:
    """Answers to calls that are made at once, and how many seconds it took."""
    began = time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(ask, range(count)))
    return answers, time.monotonic() - began


def test_strangers_cannot_fill_the_trail(world: World, rows: Rows) -> None:
    """Sixty failures a minute from one network; then 429, no row; and whoever has credentials notices nothing."""
    token = make_token(world, [Scope.SESSIONS_READ]).secret
    before = len(rows())
    with open_control_plane(world, requires_token=True, is_limited=True) as plane:
        answers, seconds = flood(lambda _: plane.post(REVOKE, CAUSE, token="nobody's"), 130)
        assert plane.get(READ, token=token).status_code == 404
    limited = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {401, 429}
    assert 60 * LEAST <= len(answers) - len(limited) <= 1 + 60 * MOST + seconds
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in limited)
    assert len(rows()) - before == len(answers) - len(limited)


def test_the_control_plane_answers_120_calls_a_minute_of_one_network(world: World) -> None:
    with open_control_plane(world, is_limited=True) as plane:
        paths = (f"{AUTH}/status", "/v1/auth/session")
        answers, seconds = flood(lambda n: plane.get(paths[n % 50 == 0]), 230)
        assert plane.get(READ).status_code == 404, "the internal API has no limit"
    assert {answer.status_code for answer in answers} == {200, 401, 429}
    passed = [answer for answer in answers if answer.status_code != 429]
    assert 120 * LEAST <= len(passed) <= 1 + 120 * MOST + 2 * seconds


def test_without_a_trail_nothing_is_done(world: World) -> None:
    """Break-glass is admitted only if its use could be written."""
    world.database.execute("revoke insert on audit_events from authsession_internal")
    try:
        with open_control_plane(world, break_glass_token=BREAK_GLASS) as plane:
            answer = plane.get(READ, headers={"authorization": f"Bearer {BREAK_GLASS}".encode()})  # pyright: ignore[reportArgumentType]
            assert answer.status_code == 503
    finally:
        world.database.execute("grant insert on audit_events to authsession_internal")
