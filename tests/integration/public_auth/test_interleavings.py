"""Interruptions at the worst moment: between a decision's read and its write (SPEC §3.6, §3.7)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import asyncpg
import pytest

from services.public_auth.domain.budget import Budget, Budgets
from services.public_auth.domain.confirm import ConfirmRefusal, CountWrongCode
from services.public_auth.store.confirm_challenge import ConfirmOutcome, SessionMade, confirm_challenge
from services.public_auth.store.issue_challenge import IssuePolicy
from shared.io.postgres import Body
from tests.support.builders import email_address
from tests.support.interruption import InterruptedPostgres, elsewhere
from tests.support.public_flow import LOGIN_CODE_KEYS, PublicFlow
from tests.support.world import World

OTHER_NETWORK = "198.51.100.1"
WIDE = Budget(total=1000, per_network=1000, kept_for_known=0)
# Two challenges reserve all there is.
TIGHT = Budgets(WIDE, WIDE, live_challenges=Budget(2, 2, 0), wrong_codes=Budget(10, 10, 0))


def confirm_interrupted(flow: PublicFlow, challenge_id: str, code: str, *events: Body[Any]) -> ConfirmOutcome:
    return interrupted(flow, *events).confirm(challenge_id, code)


def send_interrupted(flow: PublicFlow, email: str, *events: Body[Any]) -> tuple[str, str]:
    """Sends with interruptions. Returns the challenge id and the decision."""
    at_worst = interrupted(flow, *events)
    return at_worst.send(email), at_worst.decisions[-1]


def interrupted(flow: PublicFlow, *events: Body[Any]) -> PublicFlow:
    dsn = flow.world.database.public_dsn
    return flow.reaching(InterruptedPostgres(flow.world.public, *(elsewhere(dsn, event) for event in events)))


def attempts(flow: PublicFlow, challenge_id: str) -> tuple[int, int]:
    sql = "select attempts, evaluated from challenges where challenge_id = $1"
    (row,) = flow.world.database.execute(sql, challenge_id)
    return tuple(row)


def test_a_wrong_code_between_a_send_and_its_write_is_not_given_back_with_the_place(world: World) -> None:
    flow, email = PublicFlow(world, IssuePolicy(TIGHT, new_address_mail_limit=None)), email_address()
    first, second = flow.send(email), flow.send(email)
    wrong = flow.wrong_code(first)

    _, decided = send_interrupted(flow, email, flow.confirm_unit(first, wrong))

    assert decided == "wrong_code_budget"
    assert (attempts(flow, first), attempts(flow, second)) == ((1, 1), (0, 0))
    assert (flow.state(first), flow.state(second)) == ("pending_send", "sent")


def test_a_send_whose_code_ends_before_its_write_makes_a_new_one(flow: PublicFlow) -> None:
    email = email_address()
    first = flow.send(email)
    code = flow.code(first)

    second, decided = send_interrupted(flow, email, flow.confirm_unit(first, code))

    assert decided == "new_code"
    assert isinstance(flow.confirm(second, flow.code(second)), SessionMade)


def test_however_often_wrong_codes_come_between_a_send_ends_with_a_challenge(flow: PublicFlow) -> None:
    """All five of the place it wants, the last ones while it holds the e-mail's row; then that place is free."""
    email = email_address()
    first, _ = flow.send(email), flow.send(email)
    guess = flow.confirm_unit(first, flow.wrong_code(first))

    third, _ = send_interrupted(flow, email, *[guess] * 5)

    assert (attempts(flow, first), flow.state(first)) == ((5, 5), "failed")
    assert isinstance(flow.confirm(third, flow.code(third)), SessionMade)


def test_a_challenge_that_loses_its_place_before_the_write_makes_no_session(flow: PublicFlow) -> None:
    email = email_address()
    first, _ = flow.send(email), flow.send(email)
    code = flow.code(first)

    async def third_send(connection: asyncpg.Connection) -> None:
        await connection.execute("update emails set version = version + 1 where folded = $1", email)
        await connection.execute("update challenges set state = 'cancelled' where challenge_id = $1", first)

    assert confirm_interrupted(flow, first, code, third_send) == CountWrongCode(evaluated=False)
    assert attempts(flow, first) == (1, 0)
    assert not flow.world.database.execute("select 1 from users where email = $1", email)


def test_a_wrong_code_under_way_when_its_challenge_loses_its_place_is_not_evaluated(flow: PublicFlow) -> None:
    email = email_address()
    first, _ = flow.send(email), flow.send(email)
    wrong = flow.wrong_code(first)

    async def third_send(connection: asyncpg.Connection) -> None:
        await connection.execute("update challenges set state = 'cancelled' where challenge_id = $1", first)

    assert confirm_interrupted(flow, first, wrong, third_send) == CountWrongCode(evaluated=False)
    assert attempts(flow, first) == (1, 0)


def test_a_right_code_overtaken_by_the_fifth_wrong_one_makes_no_session(flow: PublicFlow) -> None:
    email = email_address()
    challenge_id = flow.send(email)
    code, wrong = flow.code(challenge_id), flow.wrong_code(challenge_id)
    for _ in range(4):
        flow.confirm(challenge_id, wrong)

    outcome = confirm_interrupted(flow, challenge_id, code, flow.confirm_unit(challenge_id, wrong))

    assert outcome is ConfirmRefusal.CHALLENGE_EXPIRED
    assert attempts(flow, challenge_id) == (5, 5)
    assert not flow.world.database.execute("select 1 from users where email = $1", email)


def block(flow: PublicFlow, email: str) -> None:
    flow.world.database.execute(
        "insert into blocks (email_id, reason_code, actor_type, created_at)"
        " select email_id, 'test', 'system', clock_now() from emails where folded = $1",
        email,
    )


def fill(flow: PublicFlow, email: str) -> None:
    """Gives the person as many sessions as the limit allows."""
    earlier = flow.send(email)
    assert isinstance(flow.confirm(earlier, flow.code(earlier)), SessionMade)
    flow.world.database.execute("update settings set session_limit = 1")


def leave(flow: PublicFlow, email: str) -> None:
    """The user directory is asked only once the code is known to be right."""


@pytest.mark.parametrize("prepare", [block, fill, leave])
def test_neither_a_refusal_nor_a_question_tells_that_a_code_overtaken_by_the_fifth_wrong_one_was_right(
    flow: PublicFlow, prepare: Callable[[PublicFlow, str], None]
) -> None:
    """Nothing is written for it, so no guarded write held it back: a burst had more than five guesses compared."""
    email = email_address()
    if prepare is fill:
        prepare(flow, email)
    challenge_id = flow.send(email)
    if prepare is not fill:
        prepare(flow, email)
    draft = flow.session_draft(challenge_id, flow.code(challenge_id))
    wrong = flow.confirm_unit(challenge_id, flow.wrong_code(challenge_id))
    for _ in range(4):
        flow.world.call(flow.world.public.unit_of_work, wrong)
    unit = partial(
        confirm_challenge,
        draft=replace(draft, user_id=None) if prepare is leave else draft,
        keys=LOGIN_CODE_KEYS,
    )
    interrupted_unit = InterruptedPostgres(flow.world.public, elsewhere(flow.world.database.public_dsn, wrong))
    try:
        assert flow.world.call(interrupted_unit.unit_of_work, unit) is ConfirmRefusal.CHALLENGE_EXPIRED
    finally:
        flow.world.database.execute("update settings set session_limit = 0")


def test_a_wrong_code_overtaken_by_a_success_on_another_challenge_is_not_evaluated(flow: PublicFlow) -> None:
    """Success starts the count anew: what it cancelled may not add to it."""
    email = email_address()
    first, second = flow.send(email), flow.send(email, OTHER_NETWORK)
    code, wrong = flow.code(first), flow.wrong_code(first)

    outcome = confirm_interrupted(flow, second, wrong, flow.confirm_unit(first, code))

    assert outcome == CountWrongCode(evaluated=False)
    assert attempts(flow, second) == (1, 0)


def test_a_wrong_code_overtaken_by_a_success_on_its_challenge_is_uncounted(flow: PublicFlow) -> None:
    challenge_id = flow.send(email_address())
    code, wrong = flow.code(challenge_id), flow.wrong_code(challenge_id)

    assert (
        confirm_interrupted(flow, challenge_id, wrong, flow.confirm_unit(challenge_id, code))
        is ConfirmRefusal.INVALID_CODE
    )
    assert attempts(flow, challenge_id) == (0, 0)


def test_the_courier_may_note_the_mail_between_a_confirm_and_its_write(flow: PublicFlow) -> None:
    challenge_id = flow.send(email_address())
    code, wrong = flow.code(challenge_id), flow.wrong_code(challenge_id)

    async def courier(connection: asyncpg.Connection) -> None:
        await connection.execute("update challenges set state = 'sent' where challenge_id = $1", challenge_id)

    assert confirm_interrupted(flow, challenge_id, wrong, courier) == CountWrongCode(evaluated=True)
    assert attempts(flow, challenge_id) == (1, 1)
    assert isinstance(flow.confirm(challenge_id, code), SessionMade)


def test_sends_that_always_come_first_cannot_keep_a_right_code_out(flow: PublicFlow) -> None:
    """Each send bumps the version that the login was decided on; the second decision holds the row."""
    email = email_address()
    challenge_id = flow.send(email)
    code = flow.code(challenge_id)

    async def bump(connection: asyncpg.Connection) -> None:
        await connection.execute("set lock_timeout = '100ms'")
        try:
            await connection.execute("update emails set version = version + 1 where folded = $1", email)
        except asyncpg.LockNotAvailableError:
            held.append(True)

    held: list[bool] = []
    assert isinstance(confirm_interrupted(flow, challenge_id, code, *[bump] * 4), SessionMade)
    assert held == [True]
