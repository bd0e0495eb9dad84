"""A domain is blocked while its users log in: when the worker is through, none of them has an active session.

A login that read the settings before the change and writes after it must not slip through (SPEC §3.7).
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import asyncpg
import pytest

from services.internal_admin.callers.identity import Caller
from services.internal_admin.system_settings.domain.change import ChangeSettings
from services.internal_admin.system_settings.domains import revoke_next_of_domains
from services.internal_admin.system_settings.store import change_settings
from services.public_auth.domain.confirm import ConfirmRefusal
from services.public_auth.store.confirm_challenge import SessionMade
from shared.kernel.sealing import unseal
from tests.support.builders import unique
from tests.support.interruption import InterruptedPostgres, elsewhere
from tests.support.public_flow import SEALING_KEYS, PublicFlow, after, race
from tests.support.settings import ACTOR, DEFAULTS, block_domains
from tests.support.world import World

ROUNDS = 10
LOGINS = 40
LONGEST = 0.04
"""Seconds. In the first round the logins start this long after the block, in the last round before it. Both take less.
"""
MAKE_HALF_OF_THEM_USERS = """
insert into users (user_id, email_id, email, preferred_language, time_zone, created_at)
select 'user-' || email_id, email_id, folded, 'en', 'Etc/UTC', clock_now()
  from emails where split_part(folded, '@', 2) = $1 and email_id % 2 = 0
"""
SEALED_CODES = """
select challenge_id, login_code_id, seal_key_id, sealed_code
  from challenges join login_codes using (login_code_id) where challenge_id = any ($1)
"""


@pytest.fixture(autouse=True)
def own_settings(world: World) -> Iterator[None]:
    yield
    world.database.execute(DEFAULTS)


async def block_and_revoke(connection: asyncpg.Connection, domain: str) -> None:
    values = {"blocked_email_domains": (domain,)}
    await change_settings(connection, ChangeSettings(values, None, ACTOR, Caller("test", None, None)))
    while (await revoke_next_of_domains(connection, limit=500)).worked:
        pass


@pytest.mark.parametrize("returning", [False, True], ids=["new", "returning"])
def test_a_login_decided_before_its_domain_was_blocked_and_written_after_is_decided_again(
    flow: PublicFlow, world: World, *, returning: bool
) -> None:
    domain = unique("domain-") + ".example"
    email = f"a@{domain}"
    if returning:
        first = flow.send(email)
        assert isinstance(flow.confirm(first, flow.code(first)), SessionMade)
    challenge_id = flow.send(email)
    block = elsewhere(world.database.internal_dsn, partial(block_and_revoke, domain=domain))

    interrupted = flow.reaching(InterruptedPostgres(world.public, block))
    outcome = interrupted.confirm(challenge_id, flow.code(challenge_id))

    assert outcome is ConfirmRefusal.BLOCKED_BY_POLICY
    assert active_sessions(world) == 0


def test_a_domain_block_racing_logins_leaves_no_active_session(flow: PublicFlow, world: World) -> None:
    """400 logins, half of them first ones, each behind one barrier with the block of its domain."""
    prepared = [prepare(flow) for _ in range(ROUNDS)]

    async def rounds() -> Counter[str]:
        outcomes: Counter[str] = Counter()
        for number, (domain, confirms) in enumerate(prepared):
            lead = LONGEST * (2 * number / (ROUNDS - 1) - 1)
            logins = [after(-lead, confirm) for confirm in confirms]
            *answers, _ = await race(*logins, after(lead, partial(block, world, domain)))
            outcomes.update("made" if isinstance(answer, SessionMade) else answer for answer in answers)
        return outcomes

    outcomes = world.call(rounds)

    assert active_sessions(world) == 0
    assert outcomes.keys() == {"made", ConfirmRefusal.BLOCKED_BY_POLICY}, "the race must have been won by both"
    assert outcomes.total() == ROUNDS * LOGINS


def prepare(flow: PublicFlow) -> tuple[str, list[Any]]:
    """Makes a domain. Returns it with confirms of its users that are ready to run."""
    domain = unique("domain-") + ".example"

    async def send_all() -> list[str]:
        return await race(*(partial(flow.sending, f"{number}@{domain}") for number in range(LOGINS)))

    challenges = flow.world.call(send_all)
    flow.world.database.execute(MAKE_HALF_OF_THEM_USERS, domain)
    rows = flow.world.database.execute(SEALED_CODES, challenges)
    return domain, [flow.confirming(row["challenge_id"], code_of(row)) for row in rows]


def code_of(row: asyncpg.Record) -> str:
    return unseal(SEALING_KEYS, row["seal_key_id"], row["sealed_code"], row["login_code_id"].bytes).decode("ascii")


async def block(world: World, domain: str) -> None:
    await block_domains(world, domain)
    while (await world.internal.unit_of_work(revoke_next_of_domains, limit=500)).worked:
        pass


def active_sessions(world: World) -> int:
    """The active sessions of all domains that these tests blocked."""
    (row,) = world.database.execute("select count(*) from device_sessions where status = 'active'")
    return row["count"]
