"""Rows go at their time and not before, and their removal is in nobody's way (SPEC §5.4)."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.internal_admin.workers.retention import BATCH, PAGE, AgedRows, UnusedEmails
from services.public_auth.store.confirm_challenge import SessionMade
from shared.kernel.faults import DependencyUnavailable
from tests.support.builders import actor, email_address, store_session, store_user
from tests.support.database import Database
from tests.support.public_flow import PublicFlow, race
from tests.support.trusted import block_email
from tests.support.world import World

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def flow(world: World) -> PublicFlow:
    return PublicFlow(world)


@pytest.fixture(autouse=True)
def own_settings(database: Database) -> Iterator[None]:
    yield
    database.execute("truncate settings; insert into settings default values;")


class Sweep:
    """Both workers of retention, until they have nothing to do."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self) -> None:
        self._world.call(self.all)

    async def all(self) -> None:
        await exhaust(AgedRows(self._world.internal).step, BATCH)
        await exhaust(UnusedEmails(self._world.internal).step, PAGE)


async def exhaust(step: Callable[[], Awaitable[int]], batch: int) -> None:
    while await step() >= batch:
        pass


@pytest.fixture
def sweep(world: World) -> Sweep:
    return Sweep(world)


def count(database: Database, table: str, condition: str, *arguments: Any) -> int:
    return database.execute(f"select count(*) from {table} where {condition}", *arguments)[0][0]


def rows_of(database: Database, email: str) -> dict[str, int]:
    """How many rows of each kind an address has."""
    tables = ("login_codes", "challenges", "mail_deliveries", "known_networks", "emails")
    condition = "email_id = (select email_id from emails where folded = $1)"
    return {table: count(database, table, condition, email) for table in tables}


def log_in(flow: PublicFlow, email: str) -> SessionMade:
    challenge_id = flow.send(email)
    made = flow.confirm(challenge_id, flow.code(challenge_id))
    assert isinstance(made, SessionMade)
    return made


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


def test_a_login_keeps_the_network_that_the_sweep_is_about_to_remove(world: World, flow: PublicFlow) -> None:
    """The sweep waits for the login that renews the row, then looks at its age again."""
    email = email_address()
    log_in(flow, email)
    world.travel(91 * DAY)

    async def renew_while_swept(login: asyncpg.Connection) -> None:
        async with login.transaction():
            await login.execute("update known_networks set confirmed_at = clock_now()")
            step = in_thread(world.call, AgedRows(world.internal).step)
            await wait_for_a_waiting_lock(login)
        await step

    as_owner(world.database, renew_while_swept)
    assert rows_of(world.database, email)["known_networks"] == 1


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


def test_what_retention_does_not_name_stays(world: World, flow: PublicFlow, sweep: Sweep) -> None:
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


def unused_addresses(world: World, number: int) -> list[str]:
    """Addresses of which nothing is left, and that are old enough to go; each had one send, so its version is 0."""
    emails = [email_address() for _ in range(number)]
    sql = "insert into emails (folded, created_at) select unnest($1::text[]), clock_now() - interval '300 days'"
    world.database.execute(sql, emails)
    return emails


def test_a_send_racing_the_removal_of_its_address_has_all_its_rows(world: World, flow: PublicFlow) -> None:
    emails = unused_addresses(world, 100)

    async def rounds() -> None:
        for start in range(0, len(emails), 5):
            sends = [partial(flow.sending, email) for email in emails[start : start + 5]]
            await race(*sends, UnusedEmails(world.internal).step)

    world.call(rounds)
    whole = {"login_codes": 1, "challenges": 1, "mail_deliveries": 1, "known_networks": 0, "emails": 1}
    assert [email for email in emails if rows_of_many(world.database, emails)[email] != whole] == []


def rows_of_many(database: Database, emails: list[str]) -> dict[str, dict[str, int]]:
    tables = ("login_codes", "challenges", "mail_deliveries", "known_networks")
    columns = ", ".join(f"(select count(*) from {t} where {t}.email_id = e.email_id) as {t}" for t in tables)
    rows = database.execute(f"select folded, {columns}, 1 as emails from emails e where folded = any ($1)", emails)
    return {row["folded"]: {name: row[name] for name in (*tables, "emails")} for row in rows}


def test_a_block_racing_the_removal_of_its_address_is_never_lost(world: World) -> None:
    emails = unused_addresses(world, 100)

    async def rounds() -> None:
        for start in range(0, len(emails), 5):
            blocks = [partial(block_email, world, email) for email in emails[start : start + 5]]
            await race(UnusedEmails(world.internal).step, *blocks)

    world.call(rounds)
    standing = "folded = any ($1) and exists (select from blocks where blocks.email_id = emails.email_id)"
    assert count(world.database, "emails", standing, emails) == 100


def test_a_send_sees_a_block_whose_address_was_removed_and_made_anew_meanwhile(world: World, flow: PublicFlow) -> None:
    """The new row's version is the old one's; only its id tells that the decision was made on another."""
    (email,) = unused_addresses(world, 1)
    send = flow._send
    whole = send._postgres

    class Interrupting:
        async def unit_of_work(self, body: Callable[[Any], Awaitable[Any]]) -> Any:
            return await whole.unit_of_work(lambda connection: body(RemovedAndBlocked(world, connection, email)))

    send._postgres = Interrupting()
    flow.send(email)

    assert flow.decisions[-1] == "blocked"


class RemovedAndBlocked:
    """A connection before whose first write the address goes, and comes back with a block."""

    def __init__(self, world: World, connection: asyncpg.Connection, email: str) -> None:
        self._world, self._connection, self._email = world, connection, email
        self._happened = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        if not self._happened:
            self._happened = True
            await self._happen()
        return await self._connection.fetchval(sql, *arguments)

    async def _happen(self) -> None:
        settings = {"search_path": "authsession"}
        owner = await asyncpg.connect(self._world.database.owner_dsn, ssl=False, server_settings=settings)
        try:
            assert (
                await owner.execute("delete from emails where folded = $1 and version = 0", self._email) == "DELETE 1"
            )
            await owner.execute(
                """
                with address as (insert into emails (folded, created_at) values ($1, clock_now()) returning email_id)
                insert into blocks (email_id, reason_code, actor_type, created_at)
                select email_id, 'test', 'system', clock_now() from address
                """,
                self._email,
            )
        finally:
            await owner.close()


def test_logins_that_run_while_everything_is_swept_lose_nothing(world: World, flow: PublicFlow, sweep: Sweep) -> None:
    """Each of 60 people logs in from a network known of old, while what they left long ago is removed."""
    emails = [email_address() for _ in range(60)]
    for email in emails:
        log_in(flow, email)
    world.travel(91 * DAY)
    prepared = [(challenge_id, flow.code(challenge_id)) for challenge_id in map(flow.send, emails)]

    answers = world.call(race, *[flow.confirming(*each) for each in prepared], sweep.all, sweep.all)

    assert [type(answer) for answer in answers[:60]] == [SessionMade] * 60
    whole = {"login_codes": 1, "challenges": 1, "mail_deliveries": 1, "known_networks": 1, "emails": 1}
    found = rows_of_many(world.database, emails)
    assert [email for email in emails if found[email] != whole] == []


def test_many_sweeps_at_once_remove_each_row_once_and_nothing_else(
    world: World, flow: PublicFlow, sweep: Sweep
) -> None:
    old = store_old_sends(world.database, 1_000)
    young = email_address()
    flow.send(young)

    world.call(race, *[sweep.all] * 4)

    # who met another's rows found less than a batch and went to rest: what is left is for the next sweep
    sweep()
    assert count(world.database, "challenges", "challenge_id = any ($1)", [f"challenge-{each}" for each in old]) == 0
    assert count(world.database, "login_codes", "login_code_id = any ($1)", old) == 0
    assert rows_of(world.database, young)["challenges"] == 1
    sweep()


def test_a_sweep_that_is_killed_half_way_has_removed_nothing_by_halves(world: World, sweep: Sweep) -> None:
    old = store_old_sends(world.database, 20)
    handles = [f"challenge-{each}" for each in old]

    async def kill_while_it_removes(owner: asyncpg.Connection) -> None:
        async with owner.transaction():
            await owner.execute("select from challenges where challenge_id = any ($1) for update", handles[7:8])
            step = in_thread(world.call, AgedRows(world.internal).step)
            await wait_for_a_waiting_lock(owner)
            await asyncio.to_thread(world.database.cut_connections)
            with pytest.raises(DependencyUnavailable):
                await step

    as_owner(world.database, kill_while_it_removes)

    assert count(world.database, "challenges", "challenge_id = any ($1)", handles) == 20
    assert count(world.database, "mail_deliveries", "challenge_id = any ($1)", handles) == 20
    sweep()
    assert count(world.database, "challenges", "challenge_id = any ($1)", handles) == 0
    assert count(world.database, "login_codes", "login_code_id = any ($1)", old) == 0


def as_owner(database: Database, body: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
    """Run asyncio code over a connection of its own, beside the world."""

    async def run() -> None:
        settings = {"search_path": "authsession"}
        owner = await asyncpg.connect(database.owner_dsn, ssl=False, server_settings=settings)
        try:
            await body(owner)
        finally:
            await owner.close()

    asyncio.run(run())


def in_thread(function: Callable[..., Any], *arguments: Any) -> "asyncio.Future[Any]":
    return asyncio.get_running_loop().run_in_executor(None, function, *arguments)


async def wait_for_a_waiting_lock(connection: asyncpg.Connection) -> None:
    """Return when somebody waits for a lock."""
    while not await connection.fetchval("select exists (select from pg_locks where not granted)"):
        await asyncio.sleep(0.01)


def store_old_sends(database: Database, number: int) -> list[UUID]:
    """Sends of 300 days ago to addresses that never confirmed; the ids of their codes."""
    rows = database.execute(
        """
        with address as (
            insert into emails (folded, created_at)
            select gen_random_uuid() || '@example.com', clock_now() - interval '300 days'
              from generate_series(1, $1::integer)
            returning email_id, folded, created_at as born, gen_random_uuid() as code
        ), codes as (
            insert into login_codes (login_code_id, email_id, email, key_id, salt, mac, created_at, expires_at)
            select code, email_id, folded, 'k', $2::bytea, $2 || $2, born, born + interval '10 minutes' from address
        ), handles as (
            insert into challenges (challenge_id, email_id, email, login_code_id, network_tag, preferred_language,
                                    state, created_at, expires_at)
            select 'challenge-' || code, email_id, folded, code, $2, 'en', 'sent', born, born + interval '10 minutes'
              from address
        ), deliveries as (
            insert into mail_deliveries (delivery_id, challenge_id, login_code_id, email_id, email, locale, network_tag,
                                         to_new_address, state, queued_at, next_attempt_at, finished_at)
            select code, 'challenge-' || code, code, email_id, folded, 'en', $2, true, 'sent', born, born, born
              from address
        )
        select code from address
        """,
        number,
        bytes(16),
    )
    return [row["code"] for row in rows]


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
