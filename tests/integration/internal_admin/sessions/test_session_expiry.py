"""Sessions of more than `session_max_age` do not count, and are revoked (SPEC §5.3)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from services.internal_admin.sessions import store as sessions_store
from services.internal_admin.sessions.domain import RevokeSession
from services.internal_admin.sessions.expiry import SessionExpiry, revoke_aged_sessions
from services.public_auth.domain.confirm import ConfirmRefusal
from services.public_auth.store.confirm_challenge import SessionMade
from shared.lifecycle.supervision import Signal
from tests.support.builders import StoredUser, email_address, store_session, store_user
from tests.support.database import Database
from tests.support.public_flow import PublicFlow, contender, race
from tests.support.trusted import CAUSE
from tests.support.world import World

YEAR = timedelta(days=365)


@pytest.fixture(autouse=True)
def own_settings(database: Database) -> Iterator[None]:
    yield
    database.execute("truncate settings; insert into settings default values;")


@pytest.fixture
def user(database: Database) -> StoredUser:
    return store_user(database)


@pytest.fixture
def expiry(world: World) -> SessionExpiry:
    return SessionExpiry(world.internal, Signal())


def store_aged(database: Database, user: StoredUser, age: timedelta) -> str:
    (row,) = database.execute("select clock_now() as now")
    return store_session(database, user, created_at=row["now"] - age).device_session_id


def revocation_of(database: Database, session_id: str) -> tuple[str, str | None]:
    sql = "select status, revoke_reason_code as reason from device_sessions where device_session_id = $1"
    (row,) = database.execute(sql, session_id)
    return row["status"], row["reason"]


def test_a_session_is_revoked_at_its_age_and_not_before(
    world: World, database: Database, user: StoredUser, expiry: SessionExpiry
) -> None:
    past = store_aged(database, user, YEAR)
    young = store_aged(database, user, YEAR - timedelta(minutes=5))

    assert world.call(expiry.step) == 1
    assert revocation_of(database, past) == ("revoked", "session_expired")
    assert revocation_of(database, young) == ("active", None)

    world.travel(timedelta(minutes=5))
    assert world.call(expiry.step) == 1
    assert revocation_of(database, young) == ("revoked", "session_expired")
    assert world.call(expiry.step) == 0


def test_it_is_audited_and_left_to_the_relay_and_told_to_logins(
    world: World, database: Database, user: StoredUser, expiry: SessionExpiry
) -> None:
    session_id = store_aged(database, user, YEAR)
    version = "select version from emails where email_id = $1"
    (before,) = database.execute(version, user.email_id)

    world.call(expiry.step)

    (event,) = database.execute("select * from audit_events where subject = $1", session_id)
    assert (event["event"], event["outcome"], event["caller"], event["actor_type"], event["reason_code"]) == (
        "security.revoke_session",
        "revoked",
        "system",
        "system",
        "session_expired",
    )
    (work,) = database.execute(
        "select available_at <= clock_now() as due from projection_outbox where device_session_id = $1", session_id
    )
    assert work["due"]
    (after,) = database.execute(version, user.email_id)
    assert after["version"] == before["version"] + 1


def test_a_lowered_age_acts_at_once_and_in_batches(world: World, database: Database, user: StoredUser) -> None:
    sessions = [store_aged(database, user, timedelta(minutes=30)) for _ in range(5)]

    def batch() -> int:
        return world.call(world.internal.unit_of_work, revoke_aged_sessions, limit=3)

    assert batch() == 0

    database.execute("update settings set session_max_age = '10 minutes'")

    assert [batch(), batch(), batch()] == [3, 2, 0]
    assert {revocation_of(database, each) for each in sessions} == {("revoked", "session_expired")}


@pytest.mark.parametrize("policy", ["reject", "revoke_oldest"])
def test_a_session_past_its_age_does_not_count_against_the_limit(world: World, database: Database, policy: str) -> None:
    """Even before it is revoked."""
    flow, email = PublicFlow(world), email_address()
    database.execute("update settings set session_limit = 1, session_limit_policy = $1", policy)
    first = flow.send(email)
    made = flow.confirm(first, flow.code(first))
    assert isinstance(made, SessionMade)
    world.travel(YEAR)

    second = flow.send(email)
    again = flow.confirm(second, flow.code(second))
    assert isinstance(again, SessionMade)
    assert [change.session.status for change in again.changes] == ["active"]

    if policy == "reject":
        third = flow.send(email)
        assert flow.confirm(third, flow.code(third)) is ConfirmRefusal.SESSION_LIMIT_EXCEEDED


def test_of_a_revocation_and_an_expiry_at_once_one_is_kept(world: World, database: Database) -> None:
    """Two replicas of the worker and one operator: each session is revoked once, for one reason, audited once so."""
    users = [store_user(database) for _ in range(20)]
    sessions = [store_aged(database, user, YEAR) for user in users]
    expiries = [SessionExpiry(world.internal, Signal()).step for _ in range(2)]
    revokes = [
        contender(world.internal, sessions_store.revoke_session, RevokeSession(each, CAUSE)) for each in sessions[::3]
    ]

    results = world.call(race, *expiries, *revokes)

    by_hand = sum(result.name == "revoked" for result in results[2:])
    expired = [each for each in sessions if revocation_of(database, each) == ("revoked", "session_expired")]
    assert len(expired) == len(sessions) - by_hand
    (audited,) = database.execute(
        "select count(*) as events from audit_events where reason_code = 'session_expired' and subject = any ($1)",
        sessions,
    )
    assert audited["events"] == len(expired)
