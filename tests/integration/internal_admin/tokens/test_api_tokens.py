"""Laws of API tokens over HTTP: made once, listed without their secrets, revoked, their last use kept."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.internal_admin.callers.identity import Scope
from tests.support.api_tokens import expire_token, make_token
from tests.support.control_plane import AUTH, PEER, ControlPlane, SignedIn, open_control_plane
from tests.support.world import World

TOKENS = f"{AUTH}/tokens"
READ = "/api/v1/internal/sessions/device-session-of-nobody"
REVOKE = f"{READ}/revoke"
ASKED = {"name": "nightly report", "scopes": ["users:read", "sessions:read"]}


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world, requires_token=True) as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def owner(plane: ControlPlane) -> SignedIn:
    return plane.claim_owner()


def create(plane: ControlPlane, owner: SignedIn, **body: Any) -> httpx.Response:
    return plane.post(TOKENS, ASKED | body, token=owner.session_token)


def listed(plane: ControlPlane, owner: SignedIn, token_id: str) -> dict[str, Any]:
    answer = plane.get(TOKENS, token=owner.session_token, limit=1000)
    assert answer.status_code == 200, answer.text
    return next(token for token in answer.json()["tokens"] if token["token_id"] == token_id)


def instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def test_a_token_is_made_with_its_secret_and_listed_without(plane: ControlPlane, owner: SignedIn) -> None:
    answer = create(plane, owner)
    assert answer.status_code == 200, answer.text
    token, secret = answer.json()["token"], answer.json()["secret"]
    assert re.fullmatch(r"authsession_token_[A-Za-z0-9_-]{43}", secret)
    assert token == {
        "token_id": token["token_id"],
        "name": "nightly report",
        "prefix": secret[:24],
        "scopes": ["sessions:read", "users:read"],
        "status": "active",
        "created_by": owner.operator_id,
        "created_at": token["created_at"],
        "expires_at": token["expires_at"],
    }
    assert re.fullmatch(r"token-[0-9a-z]{26}", token["token_id"])
    assert instant(token["expires_at"]) - instant(token["created_at"]) == timedelta(days=90)
    assert listed(plane, owner, token["token_id"]) == token
    assert secret not in plane.get(TOKENS, token=owner.session_token).text


def test_a_life_may_be_asked_for(plane: ControlPlane, owner: SignedIn) -> None:
    for seconds in (1, 365 * 86_400):
        token = create(plane, owner, expires_in_seconds=seconds).json()["token"]
        assert instant(token["expires_at"]) - instant(token["created_at"]) == timedelta(seconds=seconds)


WRONG_SCOPES: list[Any] = [
    [], "sessions:read", ["sessions:all"], ["sessions:read", "sessions:read"], [1], None, {}, ["*"],
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "named"),
    [({"expires_in_seconds": seconds}, "expires_in_seconds")
     for seconds in (0, -1, 365 * 86_400 + 1, 1.5, "60", True, 10**30)]
    + [({"scopes": scopes}, "scopes") for scopes in WRONG_SCOPES]
    + [({"name": name}, "name") for name in ("", "  ", "n" * 101, "two\nlines", "\x1b[2J", 7, None)]
    + [({"is_owner": True}, "is_owner")],
)  # fmt: skip
def test_a_wrong_request_names_the_field_and_makes_nothing(
    world: World, plane: ControlPlane, owner: SignedIn, body: dict[str, Any], named: str
) -> None:
    before = world.database.execute("select count(*) from api_tokens")
    answer = create(plane, owner, **body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "invalid_request"
    assert named in answer.json()["error"]["message"]
    assert world.database.execute("select count(*) from api_tokens") == before


def test_a_refused_scope_is_answered_with_those_there_are(plane: ControlPlane, owner: SignedIn) -> None:
    message = create(plane, owner, scopes=["everything"]).json()["error"]["message"]
    assert all(scope.value in message for scope in Scope)
    assert "everything" not in message


def test_a_revoked_token_is_refused_with_its_next_request_on_every_replica(
    world: World, plane: ControlPlane, owner: SignedIn
) -> None:
    made = create(plane, owner).json()
    token_id, path = made["token"]["token_id"], f"{TOKENS}/{made['token']['token_id']}"
    with open_control_plane(world, requires_token=True) as other:
        assert other.get(READ, token=made["secret"]).status_code == 404
        answer = plane.delete(path, token=owner.session_token)
        assert (answer.status_code, answer.json()) == (200, {"outcome": "revoked", "token_id": token_id})
        assert other.get(READ, token=made["secret"]).status_code == 401
    again = plane.delete(path, token=owner.session_token)
    assert (again.status_code, again.json()["outcome"]) == (200, "already_revoked")
    shown = listed(plane, owner, token_id)
    assert shown["status"] == "revoked"
    assert shown["revoked_at"] >= shown["created_at"]


def test_a_token_that_is_not_there_is_404(plane: ControlPlane, owner: SignedIn) -> None:
    answer = plane.delete(f"{TOKENS}/token-of-nobody", token=owner.session_token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "token_not_found")


def test_each_is_on_the_trail_and_neither_name_nor_secret_is(
    world: World, plane: ControlPlane, owner: SignedIn
) -> None:
    made = create(plane, owner, name="name-that-tells").json()
    token_id = made["token"]["token_id"]
    for typed in (token_id, token_id, "pilot@example.com"):
        plane.delete(f"{TOKENS}/{typed}", token=owner.session_token)
    rows = world.database.execute(
        "select event, outcome, caller, network, subject, details from audit_events where caller = $1 "
        "order by audit_id desc limit 4",
        owner.operator_id,
    )
    common = (owner.operator_id, PEER)
    assert [tuple(row)[:5] for row in reversed(rows)] == [
        ("security.create_token", "created", *common, token_id),
        ("security.revoke_token", "revoked", *common, token_id),
        ("security.revoke_token", "already_revoked", *common, token_id),
        ("security.revoke_token", "token_not_found", *common, None),
    ]
    assert json.loads(rows[-1]["details"]) == {"scopes": ["sessions:read", "users:read"]}
    trail = "".join(row[0] for row in world.database.execute("select audit_events::text from audit_events"))
    assert made["secret"] not in trail
    assert made["secret"][24:] not in trail
    assert "name-that-tells" not in trail
    assert "pilot@example.com" not in trail


def test_postgres_keeps_no_secret(world: World, plane: ControlPlane, owner: SignedIn) -> None:
    secret = create(plane, owner).json()["secret"]
    rows = "".join(row[0] for row in world.database.execute("select api_tokens::text from api_tokens"))
    assert secret[:24] in rows
    assert secret[24:] not in rows


def test_the_list_is_paged_newest_first(plane: ControlPlane, owner: SignedIn) -> None:
    whole = [token["token_id"] for token in plane.get(TOKENS, token=owner.session_token, limit=1000).json()["tokens"]]
    made = [create(plane, owner).json()["token"]["token_id"] for _ in range(5)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = plane.get(TOKENS, token=owner.session_token, limit=3, **cursor).json()
        found += [token["token_id"] for token in page["tokens"]]
        if "next_cursor" not in page:
            break
        assert len(page["tokens"]) == 3
        cursor = {"cursor": page["next_cursor"]}
    assert set(found[:5]) == set(made)
    assert found == sorted(made + whole, reverse=True)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": "x"}, {"cursor": "!"}, {"page": 1}])
def test_a_wrong_query_is_refused(plane: ControlPlane, owner: SignedIn, query: dict[str, Any]) -> None:
    assert plane.get(TOKENS, token=owner.session_token, **query).status_code == 400


def test_an_expired_token_is_shown_as_such(world: World, plane: ControlPlane, owner: SignedIn) -> None:
    token_id, secret = make_token(world, [Scope.SESSIONS_READ])
    expire_token(world, token_id)
    shown = listed(plane, owner, token_id)
    assert shown["status"] == "expired"
    assert "created_by" not in shown, "made on the command line"
    assert plane.get(READ, token=secret).status_code == 401


def test_a_scope_of_another_release_is_no_scope_here(world: World, plane: ControlPlane, owner: SignedIn) -> None:
    token_id, secret = make_token(world, [Scope.SESSIONS_READ])
    world.database.execute(
        "update api_tokens set scopes = '{sessions:read,sessions:all}' where token_id = $1", token_id
    )
    assert plane.get(READ, token=secret).status_code == 404
    assert plane.post(REVOKE, {}, token=secret).status_code == 403
    assert listed(plane, owner, token_id)["scopes"] == ["sessions:read"]
