"""Sessions of a blocked e-mail domain go, batch by batch, whatever happens to the worker."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from contracts.control_plane.system_settings import SessionsToRevoke
from services.internal_admin.system_settings.domains import (
    BATCH,
    REASON,
    Batch,
    DomainRevocation,
    count_sessions_to_revoke,
    revoke_next_of_domains,
)
from shared.lifecycle.supervision import Signal
from tests.support.builders import unique
from tests.support.database import Database
from tests.support.public_flow import race
from tests.support.settings import DEFAULTS, block_domains
from tests.support.world import World

WORKER = """
import sys, trio
from datetime import timedelta
from functools import partial
from services.internal_admin.system_settings.domains import revoke_next_of_domains
from shared.io.aio import open_loop
from shared.io.postgres import open_postgres

async def main():
    async with open_loop(), open_postgres(sys.argv[1], application_name="worker", pool_size=1) as postgres:
        while (batch := await postgres.unit_of_work(revoke_next_of_domains, limit=5)).worked:
            print(batch.revoked, flush=True)

trio.run(main)
"""


@pytest.fixture(autouse=True)
def own_rows(database: Database) -> Iterator[None]:
    yield
    database.execute(DEFAULTS + "truncate projection_outbox; truncate audit_events;")


@pytest.fixture
def domain() -> str:
    return unique("domain-") + ".example"


def store_logins(database: Database, domain: str, users: int, each: int = 1) -> list[str]:
    """So many users of the domain with so many active sessions each; the ids of the sessions."""
    rows = database.execute(
        """
        with addresses as (
            insert into emails (folded, created_at)
            select 'pilot-' || number || '@' || $1, clock_now() from generate_series(1, $2::integer) as number
            returning email_id, folded
        ), people as (
            insert into users (user_id, email_id, email, preferred_language, time_zone, created_at)
            select 'user-' || email_id, email_id, folded, 'en', 'Etc/UTC', clock_now() from addresses
            returning user_id
        )
        insert into device_sessions
               (device_session_id, user_id, client_public_key, login_code_id, challenge_id, created_at)
        select 'device-session-' || gen_random_uuid(), user_id, decode(repeat('01', 32), 'hex'), gen_random_uuid(),
               'challenge-' || gen_random_uuid(), clock_now()
          from people cross join generate_series(1, $3::integer)
        returning device_session_id
        """,
        domain,
        users,
        each,
    )
    return [row["device_session_id"] for row in rows]


def batch(world: World, limit: int) -> Batch:
    return world.call(world.internal.unit_of_work, revoke_next_of_domains, limit)


def left(world: World) -> list[tuple[str, int]]:
    found = world.call(world.internal.unit_of_work, count_sessions_to_revoke)
    assert not any(each.more_may_follow for each in found)
    return [(each.domain, each.sessions_to_revoke) for each in found]


def active(database: Database, sessions: list[str]) -> int:
    sql = "select count(*) from device_sessions where device_session_id = any ($1) and status = 'active'"
    return database.execute(sql, sessions)[0]["count"]


def counted(database: Database, table: str, column: str, sessions: list[str]) -> tuple[int, int]:
    """Rows of the sessions, and how many of the sessions have one."""
    sql = f"select count(*), count(distinct {column}) as distinct from {table} where {column} = any ($1)"
    return tuple(database.execute(sql, sessions)[0])


def test_each_session_of_the_domain_goes_with_its_record_and_audit_row(
    world: World, database: Database, domain: str
) -> None:
    sessions = store_logins(database, domain, users=3, each=2)
    spared = [*store_logins(database, f"sub.{domain}", users=1), *store_logins(database, f"x{domain}", users=1)]
    world.call(block_domains, world, domain)
    assert left(world) == [(domain, 6)]
    wake = Signal()

    worker = DomainRevocation(world.internal, wake)
    steps = [world.call(worker.step), world.call(worker.step), world.call(worker.step)]

    assert steps == [BATCH, BATCH, 0]
    assert (left(world), active(database, sessions), active(database, spared)) == ([], 0, 2)
    assert counted(database, "projection_outbox", "device_session_id", sessions) == (6, 6)
    assert counted(database, "audit_events", "subject", sessions) == (6, 6)
    (row,) = database.execute("select * from device_sessions where device_session_id = $1", sessions[0])
    assert (row["revoke_reason_code"], row["revoke_actor_type"], row["revoke_actor_id"]) == (
        REASON,
        "operator",
        "operator-1",
    )
    (event,) = database.execute("select * from audit_events where subject = $1", sessions[0])
    assert (event["event"], event["caller"], event["actor_id"], event["reason_code"]) == (
        "security.revoke_session",
        "system",
        "operator-1",
        REASON,
    )


def test_the_version_of_every_address_rises_also_of_those_without_a_user(
    world: World, database: Database, domain: str
) -> None:
    database.execute("insert into emails (folded, created_at) values ($1, clock_now())", f"nobody@{domain}")
    world.call(block_domains, world, domain)
    batch(world, 500)
    (row,) = database.execute("select version from emails where folded = $1", f"nobody@{domain}")
    assert row["version"] == 1


def test_a_batch_holds_no_more_sessions_than_it_may_also_of_one_address(
    world: World, database: Database, domain: str
) -> None:
    sessions = store_logins(database, domain, users=2, each=4)
    world.call(block_domains, world, domain)

    batches: list[int] = []
    while (done := batch(world, 3)).worked:
        batches.append(done.revoked)

    assert (sum(batches), max(batches), active(database, sessions)) == (8, 3, 0)
    assert counted(database, "audit_events", "subject", sessions) == (8, 8)


def test_domains_follow_each_other(world: World, database: Database) -> None:
    domains = [unique("domain-") + ".example" for _ in range(3)]
    sessions = [each for domain in domains for each in store_logins(database, domain, users=2)]
    world.call(block_domains, world, *domains)
    assert left(world) == [(domain, 2) for domain in sorted(domains)]

    while batch(world, 1).worked:
        pass

    assert (left(world), active(database, sessions)) == ([], 0)


def test_unblocking_before_the_end_spares_what_is_left(world: World, database: Database, domain: str) -> None:
    sessions = store_logins(database, domain, users=6)
    world.call(block_domains, world, domain)
    batch(world, 2)

    world.call(block_domains, world)

    assert (batch(world, 2).worked, active(database, sessions)) == (False, 4)
    world.call(block_domains, world, domain)
    assert left(world) == [(domain, 4)]
    while batch(world, 2).worked:
        pass
    assert active(database, sessions) == 0


def test_another_change_of_the_list_does_not_begin_a_domain_again(
    world: World, database: Database, domain: str
) -> None:
    store_logins(database, domain, users=4)
    world.call(block_domains, world, domain)
    batch(world, 2)
    before = database.execute("select after_email_id from domain_revocations")

    world.call(block_domains, world, domain, "another.example")

    assert database.execute("select after_email_id from domain_revocations where domain = $1", domain) == before


def test_workers_at_once_revoke_each_session_exactly_once(world: World, database: Database) -> None:
    domains = [unique("domain-") + ".example" for _ in range(2)]
    sessions = [each for domain in domains for each in store_logins(database, domain, users=15)]
    world.call(block_domains, world, *domains)

    async def work() -> int:
        revoked = 0
        while await world.internal.unit_of_work(count_sessions_to_revoke):  # a step finds nothing while others hold all
            revoked += (await world.internal.unit_of_work(revoke_next_of_domains, limit=3)).revoked
        return revoked

    results = world.call(race, *[work] * 4)

    assert (sum(results), active(database, sessions), left(world)) == (30, 0, [])
    assert counted(database, "audit_events", "subject", sessions) == (30, 30)
    assert counted(database, "projection_outbox", "device_session_id", sessions) == (30, 30)


def test_a_worker_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    world: World, database: Database, domain: str
) -> None:
    """kill -9, at any point of a batch: another worker goes on where the last one that committed ended."""
    sessions = store_logins(database, domain, users=600)
    world.call(block_domains, world, domain)
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, database.internal_dsn], stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "5\n"
        worker.send_signal(signal.SIGKILL)
    assert worker.returncode == -signal.SIGKILL
    assert 0 < active(database, sessions) < 600, "it was killed in the middle"

    while batch(world, 100).worked:
        pass

    assert active(database, sessions) == 0
    assert counted(database, "audit_events", "subject", sessions) == (600, 600)
    assert counted(database, "projection_outbox", "device_session_id", sessions) == (600, 600)


def test_the_rest_is_counted_within_bounds(
    world: World, database: Database, domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.internal_admin.system_settings.domains.MAX_COUNTED", 3)
    store_logins(database, domain, users=5)
    world.call(block_domains, world, domain)
    found = world.call(world.internal.unit_of_work, count_sessions_to_revoke)
    assert found == (SessionsToRevoke(domain, sessions_to_revoke=3, more_may_follow=True),)
