"""The removal of rows races with logins, sends, blocks and other removals, and nobody loses anything (SPEC §5.4)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest

from services.internal_admin.retention.worker import AgedRows, UnusedEmails
from services.public_auth.store.confirm_challenge import SessionMade
from shared.kernel.faults import DependencyUnavailable
from tests.support.builders import email_address
from tests.support.database import Database
from tests.support.interruption import InterruptedPostgres, elsewhere
from tests.support.public_flow import PublicFlow, race
from tests.support.retention import Sweep, count, log_in, rows_of, rows_of_many, store_old_sends, unused_addresses
from tests.support.trusted import block_email
from tests.support.world import World

DAY = timedelta(days=1)


@pytest.fixture
def flow(world: World) -> PublicFlow:
    return PublicFlow(world)


@pytest.fixture
def sweep(world: World) -> Sweep:
    return Sweep(world)


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


def test_a_send_racing_the_removal_of_its_address_has_all_its_rows(world: World, flow: PublicFlow) -> None:
    emails = unused_addresses(world, 100)

    async def rounds() -> None:
        for start in range(0, len(emails), 5):
            sends = [partial(flow.sending, email) for email in emails[start : start + 5]]
            await race(*sends, UnusedEmails(world.internal).step)

    world.call(rounds)
    whole = {"login_codes": 1, "challenges": 1, "mail_deliveries": 1, "known_networks": 0, "emails": 1}
    assert [email for email in emails if rows_of_many(world.database, emails)[email] != whole] == []


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

    again = elsewhere(world.database.owner_dsn, partial(remove_and_block, email=email))
    interrupted = flow.reaching(InterruptedPostgres(world.public, again))
    interrupted.send(email)

    assert interrupted.decisions == ["blocked"]


async def remove_and_block(owner: asyncpg.Connection, email: str) -> None:
    """The address goes, and comes back with a block."""
    assert await owner.execute("delete from emails where folded = $1 and version = 0", email) == "DELETE 1"
    await owner.execute(
        """
        with address as (insert into emails (folded, created_at) values ($1, clock_now()) returning email_id)
        insert into blocks (email_id, reason_code, actor_type, created_at)
        select email_id, 'test', 'system', clock_now() from address
        """,
        email,
    )


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
