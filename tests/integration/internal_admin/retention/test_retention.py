"""Rows go at their time and not before (SPEC §5.4)."""

import re
from collections.abc import Iterator
from datetime import timedelta

import asyncpg
import pytest

from tests.support.builders import actor, email_address, store_session, store_user
from tests.support.database import Database
from tests.support.public_flow import PublicFlow
from tests.support.retention import Sweep, count, log_in, rows_of
from tests.support.session_orders import Device, file_signed, new_device, revoke, store_notice
from tests.support.trusted import block_email
from tests.support.world import World

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def flow(world: World) -> PublicFlow:
    return PublicFlow(world)


@pytest.fixture
def sweep(world: World) -> Sweep:
    return Sweep(world)


@pytest.fixture(autouse=True)
def own_settings(database: Database) -> Iterator[None]:
    yield
    database.execute("truncate settings; insert into settings default values;")


def test_a_send_goes_when_its_challenge_is_as_old_as_the_setting_says(
    world: World, flow: PublicFlow, sweep: Sweep
) -> None:
    """Code, challenge and delivery, then the address that never confirmed; each not a minute too early."""
    email = email_address()
    flow.send(email)
    whole = {"login_codes": 1, "challenges": 1, "mail_deliveries": 1, "known_networks": 0, "emails": 1}

    world.travel(7 * DAY - MINUTE)
    sweep()
    assert rows_of(world.database, email) == whole

    world.travel(2 * MINUTE)
    sweep()
    assert rows_of(world.database, email) == whole | {"challenges": 0, "mail_deliveries": 0}

    world.travel(10 * MINUTE)
    sweep()
    assert rows_of(world.database, email) == dict.fromkeys(whole, 0)


def test_a_decoy_goes_like_any_other_send_and_the_block_keeps_its_address(
    world: World, flow: PublicFlow, sweep: Sweep
) -> None:
    email = email_address()
    world.call(block_email, world, email)
    flow.send(email)
    assert flow.decisions[-1] == "blocked"

    world.travel(7 * DAY + 11 * MINUTE)
    sweep()

    assert rows_of(world.database, email) == {
        "login_codes": 0, "challenges": 0, "mail_deliveries": 0, "known_networks": 0, "emails": 1,
    }  # fmt: skip
    flow.send(email)
    assert flow.decisions[-1] == "blocked"


def test_the_shortest_retention_is_obeyed_at_once(world: World, flow: PublicFlow, sweep: Sweep) -> None:
    email = email_address()
    flow.send(email)
    world.travel(timedelta(hours=25) + MINUTE)
    sweep()
    assert rows_of(world.database, email)["challenges"] == 1

    world.database.execute("update settings set challenge_retention = '25 hours'")
    sweep()
    assert rows_of(world.database, email)["challenges"] == 0


def test_a_known_network_goes_90_days_after_its_last_login(world: World, flow: PublicFlow, sweep: Sweep) -> None:
    email = email_address()
    log_in(flow, email)

    world.travel(89 * DAY)
    log_in(flow, email)
    world.travel(90 * DAY - MINUTE)
    sweep()
    assert rows_of(world.database, email)["known_networks"] == 1

    world.travel(2 * MINUTE)
    sweep()
    assert rows_of(world.database, email)["known_networks"] == 0


def test_a_revoked_session_goes_at_its_time_and_an_active_one_never(world: World, sweep: Sweep) -> None:
    user = store_user(world.database)
    (row,) = world.database.execute("select clock_now() as now")
    revoked = store_session(
        world.database, user, created_at=row["now"] - 300 * DAY, status="revoked",
        revoked_at=row["now"], revoke_reason_code="admin_revoke", revoke_actor=actor(),
    )  # fmt: skip
    active = store_session(world.database, user, created_at=row["now"] - 300 * DAY)

    def kept() -> list[str]:
        sql = "select device_session_id as id from device_sessions where user_id = $1 order by 1"
        ids = world.database.execute(sql, user.user_id)
        return [each["id"] for each in ids]

    world.travel(90 * DAY - MINUTE)
    sweep()
    assert kept() == sorted([revoked.device_session_id, active.device_session_id])

    world.travel(2 * MINUTE)
    sweep()
    assert kept() == [active.device_session_id]
    assert count(world.database, "users", "user_id = $1", user.user_id) == 1


def test_a_revoked_session_whose_record_was_not_written_yet_waits_for_it(world: World, sweep: Sweep) -> None:
    """Redis away for months: the relay still finds the session that it must revoke there."""
    (row,) = world.database.execute("select clock_now() as now")
    session = store_session(
        world.database, store_user(world.database), created_at=row["now"] - 300 * DAY, status="revoked",
        revoked_at=row["now"] - 200 * DAY, revoke_reason_code="admin_revoke", revoke_actor=actor(),
    )  # fmt: skip
    work = "insert into projection_outbox (device_session_id, enqueued_at, available_at) values ($1, now(), now())"
    world.database.execute(work, session.device_session_id)
    sweep()
    assert count(world.database, "device_sessions", "device_session_id = $1", session.device_session_id) == 1

    world.database.execute("delete from projection_outbox")
    sweep()
    assert count(world.database, "device_sessions", "device_session_id = $1", session.device_session_id) == 0


def test_a_block_goes_30_days_after_its_end_and_its_address_with_it(world: World, sweep: Sweep) -> None:
    ended, standing = email_address(), email_address()
    for email in (ended, standing):
        world.call(block_email, world, email)
    sql = (
        "update blocks set expires_at = clock_now() from emails where folded = $1 and blocks.email_id = emails.email_id"
    )
    world.database.execute(sql, ended)
    blocks = "email_id in (select email_id from emails where folded = $1)"

    world.travel(30 * DAY - MINUTE)
    sweep()
    assert count(world.database, "blocks", blocks, ended) == 1

    world.travel(2 * MINUTE)
    sweep()
    assert count(world.database, "blocks", blocks, standing) == 1
    assert count(world.database, "emails", "folded = $1", ended) == 0


def test_an_order_goes_after_a_day_a_notice_after_30_and_a_letter_with_the_challenges(
    world: World, sweep: Sweep
) -> None:
    device = new_device(world)
    store_notice(world, device, b"token")
    done, waiting = file_signed(world, device, revoke(device)), file_signed(world, device, "POST /none")
    decided = "update session_orders set outcome = 'revoked', decided_at = clock_now() where order_id = $1"
    world.database.execute(decided, done)
    store_letters(world, device)

    def left() -> tuple[int, int, int]:
        tables = ("session_orders", "session_notices", "letters")
        orders, notices, letters = (count(world.database, table, "true") for table in tables)
        return orders, notices, letters

    for later, expected in [
        (DAY - MINUTE, (2, 1, 2)),
        (2 * MINUTE, (1, 1, 2)),
        (6 * DAY, (1, 1, 1)),
        (23 * DAY - 2 * MINUTE, (1, 1, 1)),
        (2 * MINUTE, (1, 0, 1)),
    ]:
        world.travel(later)
        sweep()
        assert left() == expected
    assert count(world.database, "session_orders", "order_id = $1", waiting) == 1


def store_letters(world: World, device: Device) -> None:
    """Stores a finished letter and one that waits."""
    world.database.execute(
        """
        insert into letters (letter_id, kind, email_id, email, locale, device_session_id, state, queued_at,
                             next_attempt_at, expires_at, finished_at)
        select gen_random_uuid(), 'notice', $1, $2, 'en', $3, state, clock_now(), clock_now(),
               clock_now() + interval '1 year',
               case state when 'sent' then clock_now() end
          from unnest(array['queued', 'sent']) as state
        """,
        device.user.email_id,
        device.user.email,
        device.id,
    )


def test_rows_that_retention_does_not_name_stay(world: World, flow: PublicFlow, sweep: Sweep) -> None:
    email = email_address()
    log_in(flow, email)
    kept = ("users", "audit_events", "settings_changes", "device_sessions", "projection_outbox")
    before = {table: count(world.database, table, "true") for table in kept}

    world.travel(3000 * DAY)
    sweep()

    assert {table: count(world.database, table, "true") for table in kept} == before
    assert rows_of(world.database, email) == {
        "login_codes": 0, "challenges": 0, "mail_deliveries": 0, "known_networks": 0, "emails": 1,
    }  # fmt: skip


def test_every_table_that_points_at_an_address_is_asked_before_it_goes(world: World) -> None:
    """Otherwise the removal would meet the foreign key, and end the process."""
    pointing = world.database.execute(
        """
        select conrelid::regclass::text as name from pg_constraint
         where contype = 'f' and confrelid = 'emails'::regclass
        """
    )
    (function,) = world.database.execute("select pg_get_functiondef('email_is_unused'::regproc) as sql")
    asked = set(re.findall(r"FROM (?:\w+\.)?(\w+)", function["sql"]))
    assert {row["name"] for row in pointing} <= asked


def test_no_foreign_key_makes_a_removal_read_a_whole_table(world: World) -> None:
    """Each column that points at what retention removes leads a whole index."""
    unindexed = world.database.execute(
        """
        select conrelid::regclass::text as name, conkey from pg_constraint c
         where contype = 'f' and confrelid in ('emails'::regclass, 'login_codes'::regclass, 'challenges'::regclass)
           and not exists (select from pg_index i where i.indrelid = c.conrelid and i.indpred is null
                              and i.indkey[0] = c.conkey[1])
        """
    )
    assert unindexed == []


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("challenge_retention", "25 hours"),
        ("known_network_retention", "90 days"),
        ("revoked_session_retention", "30 days"),
        ("expired_block_retention", "1 hour"),
    ],
)
def test_no_row_can_be_kept_shorter_than_what_needs_it(world: World, name: str, least: str) -> None:
    world.database.execute(f"update settings set {name} = interval '{least}'")
    with pytest.raises(asyncpg.CheckViolationError):
        world.database.execute(f"update settings set {name} = interval '{least}' - interval '1 second'")
    with pytest.raises(asyncpg.CheckViolationError):
        world.database.execute(f"update settings set {name} = interval '3650 days 1 second'")
