"""Races over one operator's session on real Postgres: N calls behind a barrier, then a count."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from services.internal_admin.callers.identity import Caller
from services.internal_admin.operator_sessions import store as operator_sessions_store
from services.internal_admin.operator_sessions.domain import RevokeOperatorSession, SessionLives
from shared.io.postgres import Postgres
from tests.support.control_plane import ControlPlane, SignedIn, open_control_plane
from tests.support.public_flow import contender, race
from tests.support.world import World

CONTENDERS = 32
Contender = Callable[[], Awaitable[Any]]
LIVES = SessionLives(timedelta(days=7))
CALLER = Caller("operator-1", "192.0.2.7", "request-1")


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as opened:
        yield opened


def renewal(pool: Postgres, session: SignedIn) -> Contender:
    return contender(pool, operator_sessions_store.renew_session, session.operator_session_id, LIVES, CALLER)


def revocation(pool: Postgres, session: SignedIn) -> Contender:
    command = RevokeOperatorSession(session.operator_session_id, session.operator_id, "operator_revoke", CALLER)
    return contender(pool, operator_sessions_store.revoke_session, command)


def revocation_of_all(pool: Postgres, session: SignedIn) -> Contender:
    return contender(
        pool,
        operator_sessions_store.revoke_operator_sessions,
        session.operator_id,
        except_id=None,
        reason_code="password_changed",
    )


def outcomes(world: World, session: SignedIn, event: str) -> Counter[str]:
    rows = world.database.execute(
        "select outcome from audit_events where subject = $1 and event = $2", session.operator_session_id, event
    )
    return Counter(row["outcome"] for row in rows)


def aged(world: World, session: SignedIn) -> SignedIn:
    """The session, opened an hour earlier than it was."""
    hour_ago = "created_at = created_at - interval '1 hour', renewed_at = renewed_at - interval '1 hour'"
    sql = f"update operator_sessions set {hour_ago} where operator_session_id = $1"
    world.database.execute(sql, session.operator_session_id)
    return session


def is_revoked(world: World, session: SignedIn) -> bool:
    sql = "select revoked_at is not null from operator_sessions where operator_session_id = $1"
    return world.database.execute(sql, session.operator_session_id)[0][0]


def test_of_renewals_at_once_one_renews_and_all_are_told_the_session(
    world: World, plane: ControlPlane, wide_pool: Postgres
) -> None:
    session = aged(world, plane.claim_owner())
    told = world.call(race, *[renewal(wide_pool, session) for _ in range(CONTENDERS)])
    assert len({read.held.session.renewed_at for read in told}) == 1
    assert outcomes(world, session, "security.renew_operator_session") == {"renewed": 1}


def test_of_revocations_at_once_one_revokes(world: World, plane: ControlPlane, wide_pool: Postgres) -> None:
    session = plane.claim_owner()
    told = world.call(race, *[revocation(wide_pool, session) for _ in range(CONTENDERS)])
    assert Counter(told) == {"revoked": 1, "already_revoked": CONTENDERS - 1}
    assert outcomes(world, session, "security.revoke_operator_session") == Counter(told)


@pytest.mark.parametrize("revoking", [revocation, revocation_of_all])
def test_a_revocation_is_never_undone_by_a_renewal(
    world: World, plane: ControlPlane, wide_pool: Postgres, revoking: Callable[[Postgres, SignedIn], Contender]
) -> None:
    for _ in range(5):
        session = aged(world, plane.open_session(plane.add_operator()))
        renewals = [renewal(wide_pool, session) for _ in range(CONTENDERS // 2)]
        told = world.call(race, *renewals[::2], revoking(wide_pool, session), *renewals[1::2])
        refused = told.count(None)
        assert is_revoked(world, session)
        assert world.call(renewal(wide_pool, session)) is None
        written = outcomes(world, session, "security.renew_operator_session")
        assert written["renewed"] <= 1
        assert written["session_ended"] == refused + 1
