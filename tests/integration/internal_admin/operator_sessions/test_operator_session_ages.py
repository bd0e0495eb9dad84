"""Laws of the ages of operators' sessions over HTTP, with travel in time (SPEC §10.4)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.control_plane import AUTH, ControlPlane, SignedIn, open_control_plane
from tests.support.world import World

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
SOON = 10 * SECOND
"""The maximum duration of a test's calls."""


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as opened:
        yield opened


def error_of(plane: ControlPlane, path: str, session: SignedIn) -> str | None:
    """The code of a refusal, None for a success."""
    answer = plane.get(path, token=session.session_token)
    return None if answer.status_code == 200 else answer.json()["error"]["code"]


def renewed_at(world: World, session: SignedIn) -> datetime:
    sql = "select renewed_at from operator_sessions where operator_session_id = $1"
    return world.database.execute(sql, session.operator_session_id)[0][0]


def renewals(world: World, session: SignedIn) -> list[tuple[Any, ...]]:
    """Event, outcome and caller of each audit row about a session."""
    sql = "select event, outcome, caller from audit_events where subject = $1"
    return [tuple(row) for row in world.database.execute(sql, session.operator_session_id)]


def test_after_8_hours_a_session_may_do_nothing_but_be_renewed(plane: ControlPlane, world: World) -> None:
    session = plane.claim_owner()
    world.travel(8 * HOUR - SOON)
    assert error_of(plane, f"{AUTH}/sessions", session) is None
    world.travel(SOON)
    assert error_of(plane, f"{AUTH}/sessions", session) == "session_renewal_required"
    assert plane.get(f"{AUTH}/sessions", token=session.session_token).status_code == 401
    assert error_of(plane, "/v1/auth/session", session) is None
    assert error_of(plane, f"{AUTH}/sessions", session) is None
    world.travel(8 * HOUR - SOON)
    assert error_of(plane, f"{AUTH}/sessions", session) is None


def test_a_session_whose_renewal_is_due_can_log_out(plane: ControlPlane, world: World) -> None:
    session = plane.claim_owner()
    world.travel(9 * HOUR)
    assert plane.post(f"{AUTH}/logout", token=session.session_token).json()["outcome"] == "revoked"


def test_after_a_day_without_renewal_a_session_is_over(plane: ControlPlane, world: World) -> None:
    lasting, over = plane.claim_owner(), plane.claim_owner()
    world.travel(DAY - SOON)
    assert error_of(plane, f"{AUTH}/session", lasting) is None
    world.travel(SOON)
    assert error_of(plane, f"{AUTH}/session", over) == "invalid_credentials"
    assert error_of(plane, f"{AUTH}/session", lasting) is None
    listed = plane.get(f"{AUTH}/sessions", token=lasting.session_token).json()["sessions"]
    assert [one["operator_session_id"] for one in listed] == [lasting.operator_session_id]


def test_no_renewal_outlives_the_absolute_end(plane: ControlPlane, world: World) -> None:
    session = plane.claim_owner()
    end = plane.get(f"{AUTH}/session", token=session.session_token).json()["session"]["expires_at"]
    for _ in range(7):
        world.travel(DAY - 2 * HOUR)
        assert error_of(plane, f"{AUTH}/session", session) is None
    world.travel(14 * HOUR - SOON)
    last = plane.get(f"{AUTH}/session", token=session.session_token).json()["session"]
    assert last["expires_at"] == last["renew_before"] == end
    world.travel(SOON)
    assert error_of(plane, f"{AUTH}/session", session) == "invalid_credentials"


def test_a_renewal_is_audited_and_one_within_a_minute_changes_nothing(plane: ControlPlane, world: World) -> None:
    session = plane.claim_owner()
    opened_at = renewed_at(world, session)
    plane.get(f"{AUTH}/session", token=session.session_token)
    assert renewed_at(world, session) == opened_at
    assert renewals(world, session) == []
    world.travel(timedelta(minutes=1))
    for _ in range(2):
        assert error_of(plane, f"{AUTH}/session", session) is None
    assert renewed_at(world, session) - opened_at >= timedelta(minutes=1)
    assert renewals(world, session) == [("security.renew_operator_session", "renewed", session.operator_id)]
