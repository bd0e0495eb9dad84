"""Laws of operators' sessions over HTTP: status, log-out, the list, revocation (SPEC §10.2, §10.4)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from contracts.gateway import GatewayKeys
from services.internal_admin.access.flow import OperatorAuthenticator
from services.internal_admin.operator_sessions.domain import SessionLives
from shared.io.postgres import open_postgres
from shared.kernel.faults import DependencyUnavailable
from tests.support.control_plane import AUTH, PEER, ControlPlane, SignedIn, open_control_plane
from tests.support.internal_api import gateway_keys
from tests.support.world import World


@pytest.fixture(scope="module")
def keys() -> GatewayKeys:
    return gateway_keys()


@pytest.fixture(scope="module")
def plane(world: World, keys: GatewayKeys) -> Iterator[ControlPlane]:
    with open_control_plane(world, gateway_keys=keys) as opened:
        yield opened


@pytest.fixture(scope="module")
def other_replica(world: World, keys: GatewayKeys) -> Iterator[ControlPlane]:
    with open_control_plane(world, gateway_keys=keys) as opened:
        yield opened


def is_admitted(plane: ControlPlane, session: SignedIn) -> bool:
    answer = plane.get(f"{AUTH}/sessions", token=session.session_token)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


def audit_of(world: World, session: SignedIn) -> list[tuple[Any, ...]]:
    """Event, outcome, caller and network of each row about a session, oldest first."""
    rows = world.database.execute(
        "select event, outcome, caller, network from audit_events where subject = $1 order by audit_id",
        session.operator_session_id,
    )
    return [tuple(row) for row in rows]


def test_status_tells_a_stranger_whether_there_is_an_owner_and_nothing_more(plane: ControlPlane) -> None:
    assert plane.get(f"{AUTH}/status").json() == {"has_owner": False, "authenticated": False}
    plane.claim_owner()
    assert plane.get(f"{AUTH}/status").json() == {"has_owner": True, "authenticated": False}


def test_status_tells_an_operator_who_they_are(plane: ControlPlane) -> None:
    owner = plane.claim_owner()
    status = plane.get(f"{AUTH}/status", token=owner.session_token).json()
    assert status == {
        "has_owner": True,
        "authenticated": True,
        **plane.get(f"{AUTH}/session", token=owner.session_token).json(),
    }
    assert status["operator"]["operator_id"] == owner.operator_id
    assert status["operator"]["is_owner"] is True
    assert status["session"]["operator_session_id"] == owner.operator_session_id


def test_both_paths_of_the_session_answer_alike_and_show_no_token(plane: ControlPlane) -> None:
    owner = plane.claim_owner()
    answer = plane.get("/v1/auth/session", token=owner.session_token)
    assert answer.json() == plane.get(f"{AUTH}/session", token=owner.session_token).json()
    assert set(answer.json()) == {"session", "operator"}
    assert set(answer.json()["session"]) == {"operator_session_id", "created_at", "expires_at", "renew_before"}
    assert owner.session_token not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["x" * 43, "short", "authsession_token_" + "x" * 43])
def test_a_token_of_nobodys_is_refused(plane: ControlPlane, token: str) -> None:
    answer = plane.get(f"{AUTH}/session", token=token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_credentials")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_logging_out_ends_this_session_and_no_other(plane: ControlPlane, world: World) -> None:
    here, elsewhere = plane.claim_owner(), plane.claim_owner()
    answer = plane.post(f"{AUTH}/logout", token=here.session_token)
    assert answer.json() == {"outcome": "revoked", "operator_session_id": here.operator_session_id}
    assert not is_admitted(plane, here)
    assert is_admitted(plane, elsewhere)
    assert audit_of(world, here) == [("security.log_out", "revoked", here.operator_id, PEER)]


def test_an_operator_sees_their_live_sessions_newest_first(plane: ControlPlane) -> None:
    operator_id = plane.add_operator()
    sessions = [plane.open_session(operator_id, user_agent) for user_agent in ("one", "two", None, "gone")]
    plane.delete(f"{AUTH}/sessions/{sessions[3].operator_session_id}", token=sessions[0].session_token)
    plane.claim_owner()
    listed = plane.get(f"{AUTH}/sessions", token=sessions[0].session_token).json()["sessions"]
    ids = [session["operator_session_id"] for session in listed]
    assert ids == [session.operator_session_id for session in reversed(sessions[:3])]
    assert [session["user_agent"] for session in listed] == [None, "two", "one"]
    assert [session["is_current"] for session in listed] == [False, False, True]
    assert {session["network"] for session in listed} == {PEER}


def test_revoking_is_told_apart_from_having_been_revoked(plane: ControlPlane, world: World) -> None:
    owner, lost = plane.claim_owner(), plane.claim_owner()
    path = f"{AUTH}/sessions/{lost.operator_session_id}"
    outcomes = [plane.delete(path, token=owner.session_token).json() for _ in range(2)]
    assert outcomes == [
        {"outcome": outcome, "operator_session_id": lost.operator_session_id}
        for outcome in ("revoked", "already_revoked")
    ]
    assert not is_admitted(plane, lost)
    assert audit_of(world, lost) == [
        ("security.revoke_operator_session", outcome, owner.operator_id, PEER)
        for outcome in ("revoked", "already_revoked")
    ]


def test_an_operator_can_revoke_the_session_that_asks(plane: ControlPlane) -> None:
    here = plane.claim_owner()
    answer = plane.delete(f"{AUTH}/sessions/{here.operator_session_id}", token=here.session_token)
    assert answer.json()["outcome"] == "revoked"
    assert not is_admitted(plane, here)


def test_the_owner_can_revoke_anybodys_session_and_others_only_their_own(plane: ControlPlane, world: World) -> None:
    owner, clerk = plane.claim_owner(), plane.open_session(plane.add_operator())
    refused = plane.delete(f"{AUTH}/sessions/{owner.operator_session_id}", token=clerk.session_token)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "session_not_found")
    assert is_admitted(plane, owner)
    assert [row[:3] for row in audit_of(world, owner)] == [
        ("security.revoke_operator_session", "session_not_found", clerk.operator_id)
    ]
    done = plane.delete(f"{AUTH}/sessions/{clerk.operator_session_id}", token=owner.session_token)
    assert done.json()["outcome"] == "revoked"
    assert not is_admitted(plane, clerk)


@pytest.mark.parametrize("session_id", ["operator-session-unknown", "ada@example.com"])
def test_an_unknown_session_is_not_found_and_only_an_id_gets_into_the_trail(
    plane: ControlPlane, world: World, session_id: str
) -> None:
    owner = plane.claim_owner()
    answer = plane.delete(f"{AUTH}/sessions/{session_id}", token=owner.session_token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "session_not_found")
    (row,) = world.database.execute("select subject, outcome from audit_events order by audit_id desc limit 1")
    expected = session_id if session_id.startswith("operator-session-") else None
    assert tuple(row) == (expected, "session_not_found")


def test_a_revoked_session_is_out_at_once_on_every_replica(plane: ControlPlane, other_replica: ControlPlane) -> None:
    owner, lost = plane.claim_owner(), plane.claim_owner()
    assert is_admitted(other_replica, lost)
    plane.delete(f"{AUTH}/sessions/{lost.operator_session_id}", token=owner.session_token)
    assert not is_admitted(other_replica, lost)


def test_a_disabled_operator_is_out_at_once_on_every_replica(plane: ControlPlane, other_replica: ControlPlane) -> None:
    clerk = plane.open_session(plane.add_operator())
    assert is_admitted(plane, clerk)
    assert is_admitted(other_replica, clerk)
    plane.disable(clerk.operator_id)
    assert not is_admitted(plane, clerk)
    assert not is_admitted(other_replica, clerk)
    assert plane.get(f"{AUTH}/status", token=clerk.session_token).json() == {"has_owner": True, "authenticated": False}


def test_while_postgres_is_away_nobody_is_told_that_their_session_is_over(world: World) -> None:
    """A cookie would be cleared for it."""
    away = world.enter(
        open_postgres, "postgresql://nobody@127.0.0.1:1/none", application_name="test", pool_size=1,
        acquire_timeout=timedelta(seconds=1),
    )  # fmt: skip
    authenticator = OperatorAuthenticator(away, SessionLives(timedelta(days=7)))
    with pytest.raises(DependencyUnavailable):
        world.call(authenticator.authenticate, "x" * 43)
