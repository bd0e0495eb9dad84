"""Sends and confirms that share a unit of work keep every promise that each keeps alone."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import asyncpg

from services.public_auth.domain.confirm import ConfirmRefusal, CountWrongCode
from services.public_auth.store.confirm_challenge import SessionMade, confirm_challenges
from services.public_auth.store.deliveries import ClaimLimits, Settlement, claim_deliveries, settle_deliveries
from shared.lifecycle.batching import DecidedAgain
from tests.support.builders import email_address
from tests.support.public_flow import LOGIN_CODE_KEYS, PublicFlow, race
from tests.support.world import World

SEARCH_PATH = {"search_path": "authsession"}


def confirm_together(world: World, flow: PublicFlow, *guesses: tuple[str, str]) -> Sequence[object]:
    drafts = [flow.session_draft(challenge_id, code) for challenge_id, code in guesses]
    return world.call(world.public.unit_of_work, confirm_challenges, drafts, keys=LOGIN_CODE_KEYS)


def sessions_of(world: World, email: str) -> int:
    sql = "select count(*) from device_sessions join users using (user_id) where email = $1"
    return world.database.execute(sql, email)[0]["count"]


def test_of_two_challenges_of_one_email_in_a_batch_one_makes_a_session(flow: PublicFlow, world: World) -> None:
    email = email_address()
    first, second = flow.send(email), flow.send(email, "198.51.100.1")
    code = flow.code(first)

    made, other = confirm_together(world, flow, (first, code), (second, code))

    assert isinstance(made, SessionMade)
    assert other is DecidedAgain.NEEDED
    assert sessions_of(world, email) == 1


def test_of_one_challenge_guessed_twice_in_a_batch_one_guess_is_counted(flow: PublicFlow, world: World) -> None:
    challenge_id = flow.send(email_address())
    wrong = flow.wrong_code(challenge_id)

    assert confirm_together(world, flow, (challenge_id, wrong), (challenge_id, wrong)) == [
        CountWrongCode(evaluated=True),
        DecidedAgain.NEEDED,
    ]
    row = world.database.execute("select attempts from challenges where challenge_id = $1", challenge_id)[0]
    assert row["attempts"] == 1


def test_a_batch_gives_each_the_answer_that_is_theirs(flow: PublicFlow, world: World) -> None:
    right, wrong = flow.send(email_address()), flow.send(email_address())

    made, counted, unknown = confirm_together(
        world, flow, (right, flow.code(right)), (wrong, flow.wrong_code(wrong)), ("challenge-nobodys", "123456")
    )

    assert isinstance(made, SessionMade)
    assert made.session.user_id == user_of(world, right)
    assert counted == CountWrongCode(evaluated=True)
    assert unknown is ConfirmRefusal.CHALLENGE_NOT_FOUND


def user_of(world: World, challenge_id: str) -> str:
    sql = "select user_id from challenges join users using (email_id) where challenge_id = $1"
    return world.database.execute(sql, challenge_id)[0]["user_id"]


def test_batches_of_the_same_emails_in_opposite_order_never_deadlock(flow: PublicFlow, world: World) -> None:
    """Two replicas in 30 rounds. Each locks the rows in the order of their ids, so neither waits for ever."""
    emails = [email_address() for _ in range(12)]
    before = deadlocks(world)

    async def rounds() -> None:
        for _ in range(30):
            await race(*(partial(flow.sending, email) for email in (*emails, *reversed(emails))))

    world.call(rounds)

    assert deadlocks(world) == before
    assert Counter(flow.decisions).total() == 30 * 24


def deadlocks(world: World) -> int:
    world.database.execute("select pg_stat_force_next_flush()")
    return world.database.execute("select deadlocks from pg_stat_database where datname = current_database()")[0][0]


def test_settling_mails_waits_for_no_confirm_under_way(flow: PublicFlow, world: World) -> None:
    """Settling locks challenges of several addresses, as a batch of confirms does. If both waited, they could wait for
    ever.
    """
    held, free = flow.send(email_address()), flow.send(email_address())

    claimed = world.call(
        world.public.unit_of_work,
        claim_deliveries,
        ClaimLimits(50, 50),
        timedelta(minutes=1),
    )
    settlements = [Settlement(delivery, "sent") for delivery in claimed]

    async def settle_while_held() -> None:
        connection = await asyncpg.connect(world.database.owner_dsn, ssl=False, server_settings=SEARCH_PATH)
        async with connection.transaction():
            await connection.execute("select from challenges where challenge_id = $1 for no key update", held)
            world.call(world.public.unit_of_work, settle_deliveries, settlements)
        await connection.close()

    asyncio.run(settle_while_held())

    assert (flow.state(held), flow.state(free)) == ("pending_send", "sent")
