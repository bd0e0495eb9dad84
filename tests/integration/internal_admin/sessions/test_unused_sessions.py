"""Sessions that nobody uses end after `session_idle_age`, while nodes tell of last uses (SPEC §20.5)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from services.internal_admin.node_config import store as node_config_store
from services.internal_admin.sessions.idle import UnusedSessions, read_idle_policy, revoke_unused_sessions
from services.internal_admin.system_settings.domain.change import NoNodeReports, SettingsChanged
from shared.lifecycle.supervision import Signal
from tests.support.builders import StoredUser, store_session, store_user
from tests.support.database import Database
from tests.support.public_flow import race
from tests.support.settings import DEFAULTS, let_nodes_tell, set_settings
from tests.support.world import World

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_settings(database: Database) -> Iterator[None]:
    database.execute("truncate last_use_reports")
    yield
    database.execute(DEFAULTS + "truncate last_use_reports; truncate device_sessions cascade;")


@pytest.fixture
def user(database: Database) -> StoredUser:
    return store_user(database)


@pytest.fixture
def unused(world: World) -> UnusedSessions:
    return UnusedSessions(world.internal, Signal())


def store_used(database: Database, user: StoredUser, age: timedelta, last_used: timedelta | None = None) -> str:
    """Stores a session of that age. `last_used` is the time since a node saw it last."""
    (row,) = database.execute("select clock_now() as now")
    session_id = store_session(database, user, created_at=row["now"] - age).device_session_id
    if last_used is not None:
        day = (row["now"] - last_used).date()
        database.execute("insert into session_last_seen values ($1, $2)", session_id, day)
    return session_id


def begin(database: Database, days: int = 30) -> None:
    database.execute("update settings set session_idle_age = make_interval(days => $1)", days)


def reason(database: Database, session_id: str) -> str | None:
    (row,) = database.execute("select * from device_sessions where device_session_id = $1", session_id)
    return row["revoke_reason_code"]


def tell(world: World, *, sees_none: bool = False) -> None:
    world.call(world.internal.unit_of_work, node_config_store.note_last_uses_told, only_renews=sees_none)


def test_a_session_ends_when_it_was_unused_for_so_long(
    world: World, database: Database, user: StoredUser, unused: UnusedSessions
) -> None:
    let_nodes_tell(database, since=60 * DAY)
    begin(database)
    never = store_used(database, user, 30 * DAY)
    long_ago = store_used(database, user, 90 * DAY, 32 * DAY)
    lately = store_used(database, user, 90 * DAY, 29 * DAY)
    young = store_used(database, user, 30 * DAY - HOUR)

    world.call(unused.step)

    assert [reason(database, each) for each in (never, long_ago, lately, young)] == [
        "session_idle",
        "session_idle",
        None,
        None,
    ]
    events = database.execute("select * from audit_events where subject = $1", long_ago)
    assert [(each["event"], each["caller"], each["reason_code"]) for each in events] == [
        ("security.revoke_session", "system", "session_idle")
    ]
    outbox = database.execute("select * from projection_outbox where device_session_id = $1", long_ago)
    assert len(outbox) == 1


def test_nothing_ends_while_the_setting_is_off(
    world: World, database: Database, user: StoredUser, unused: UnusedSessions
) -> None:
    let_nodes_tell(database, since=600 * DAY)
    session_id = store_used(database, user, 300 * DAY)

    assert world.call(unused.step) == 0
    assert reason(database, session_id) is None


def test_nothing_ends_while_no_node_tells_and_for_the_idle_age_after_the_gap(
    world: World, database: Database, user: StoredUser, unused: UnusedSessions
) -> None:
    """A gap makes every session look unused: nobody told of the uses in it."""
    let_nodes_tell(database, since=60 * DAY)
    begin(database)
    session_id = store_used(database, user, 200 * DAY, 29 * DAY)

    world.travel(3 * DAY)
    world.call(unused.step)
    policy = world.call(world.internal.unit_of_work, read_idle_policy)
    assert (policy.is_on, policy.is_told, policy.may_end) == (True, False, False)
    assert reason(database, session_id) is None

    tell(world, sees_none=True)
    assert not world.call(world.internal.unit_of_work, read_idle_policy).is_told, "no node told of a use since the gap"
    tell(world)
    for _ in range(29):
        world.travel(DAY)
        tell(world, sees_none=True)
    world.call(unused.step)
    assert reason(database, session_id) is None

    world.travel(DAY + HOUR)
    tell(world)
    world.call(unused.step)
    assert reason(database, session_id) == "session_idle"


def test_a_walk_goes_in_pages_and_begins_anew(world: World, database: Database, user: StoredUser) -> None:
    let_nodes_tell(database, since=60 * DAY)
    begin(database)
    sessions = [store_used(database, user, 40 * DAY, DAY if place % 2 else None) for place in range(6)]

    first = world.call(world.internal.unit_of_work, revoke_unused_sessions, (LONG_AGO, ""), limit=4)
    assert first.revoked == 2
    assert first.last is not None
    second = world.call(world.internal.unit_of_work, revoke_unused_sessions, first.last, limit=4)
    assert (second.last, second.revoked) == (None, 1)
    assert sum(reason(database, each) == "session_idle" for each in sessions) == 3


def test_two_workers_end_each_session_once(world: World, database: Database, user: StoredUser) -> None:
    let_nodes_tell(database, since=60 * DAY)
    begin(database)
    sessions = [store_used(database, user, 40 * DAY) for _ in range(20)]

    world.call(race, *[UnusedSessions(world.internal, Signal()).step for _ in range(2)])

    assert {reason(database, each) for each in sessions} == {"session_idle"}
    (row,) = database.execute("select count(*) from audit_events where subject = any ($1)", sessions)
    assert row["count"] == 20


def test_the_setting_is_refused_while_no_node_tells(world: World, database: Database) -> None:
    assert isinstance(world.call(set_settings, world, session_idle_age="30d"), NoNodeReports)
    let_nodes_tell(database, since=60 * DAY, told=2 * DAY)
    assert isinstance(world.call(set_settings, world, session_idle_age="30d"), NoNodeReports)
    (row,) = database.execute("select session_idle_age, version from settings")
    assert (row["session_idle_age"], row["version"]) == (None, 1)

    let_nodes_tell(database, since=60 * DAY)
    assert isinstance(world.call(set_settings, world, session_idle_age="30d"), SettingsChanged)
    database.execute("truncate last_use_reports")
    assert isinstance(world.call(set_settings, world, session_idle_age="60d"), SettingsChanged)
    assert isinstance(world.call(set_settings, world, session_idle_age="off"), SettingsChanged)
