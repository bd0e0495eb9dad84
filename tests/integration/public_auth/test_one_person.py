"""One person for one address, however its letters are written (SPEC §2.3); two where the user service says so."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from services.public_auth.store.confirm_challenge import SessionMade
from tests.support.builders import store_session, store_user, unique
from tests.support.public_flow import CODES_BY_SPELLING, PublicFlow, race
from tests.support.trusted import block_user
from tests.support.world import World

ROUNDS = 15


@pytest.fixture
def elsewhere(world: World) -> PublicFlow:
    """Sends where users live in a user service."""
    return PublicFlow(world, CODES_BY_SPELLING)


def spellings() -> tuple[str, str]:
    """Two spellings of one address."""
    name = unique("anna-")
    return f"{name}@example.com", f"{name.title()}@example.com"


def log_in(flow: PublicFlow, email: str) -> SessionMade:
    challenge_id = flow.send(email)
    made = flow.confirm(challenge_id, flow.code(challenge_id))
    assert isinstance(made, SessionMade), made
    return made


def letters(world: World, *challenge_ids: str) -> list[str]:
    """The address to which each challenge's letter goes."""
    sql = "select email from mail_deliveries where challenge_id = $1"
    return [world.database.execute(sql, challenge_id)[0]["email"] for challenge_id in challenge_ids]


def users(world: World, email: str) -> Sequence[Any]:
    sql = "select u.user_id, u.email from emails e join users u using (email_id) where e.folded = lower($1)"
    return world.database.execute(sql, email)


def test_a_login_in_other_letters_is_the_same_user(flow: PublicFlow, world: World) -> None:
    first, other = spellings()
    one, two = log_in(flow, first), log_in(flow, other)
    assert one.session.user_id == two.session.user_id
    assert [row["email"] for row in users(world, first)] == [first]


def test_spellings_share_one_code(flow: PublicFlow) -> None:
    first, other = spellings()
    challenges = flow.send(first), flow.send(other)
    assert flow.decisions == ["new_code", "shared_unmailed"]
    assert isinstance(flow.confirm(challenges[1], flow.code(challenges[0])), SessionMade)


def test_letters_go_to_the_spelling_first_confirmed(flow: PublicFlow, world: World) -> None:
    first, other = spellings()
    before = flow.send(first), flow.send(other)
    assert letters(world, *before) == [first, other], "before any confirm: as typed"

    flow.confirm(before[1], flow.code(before[1]))
    after = flow.send(first), flow.send(first.upper(), "192.0.2.2")
    assert letters(world, *after) == [other, other]


def test_two_first_logins_at_once_in_two_spellings_make_one_user(flow: PublicFlow, world: World) -> None:
    for _ in range(ROUNDS):
        both = spellings()
        challenges = [flow.send(email) for email in both]
        code = flow.code(challenges[0])
        outcomes = world.call(race, *(flow.confirming(challenge_id, code) for challenge_id in challenges))
        assert sum(isinstance(outcome, SessionMade) for outcome in outcomes) == 1, "one code, one session"
        assert len(users(world, both[0])) == 1


def test_first_logins_with_codes_of_their_own_make_one_user_too(flow: PublicFlow, world: World) -> None:
    """During an upgrade, processes of the previous release still make a code for each spelling."""
    older = PublicFlow(world, CODES_BY_SPELLING)
    for _ in range(ROUNDS):
        both = spellings()
        challenges = [older.send(email) for email in both]
        codes = [flow.code(challenge_id) for challenge_id in challenges]
        world.call(race, *map(flow.confirming, challenges, codes))
        assert len(users(world, both[0])) == 1


def test_a_blocked_user_does_not_log_in_with_other_letters(flow: PublicFlow, world: World) -> None:
    first, other = spellings()
    user_id = log_in(flow, first).session.user_id
    challenge_id = flow.send(other)
    code = flow.code(challenge_id)
    world.call(block_user, world, user_id)

    assert flow.confirm(challenge_id, code) == "blocked_by_policy"
    flow.send(other)
    assert flow.decisions[-1] == "blocked"


def test_the_session_limit_holds_for_every_spelling(flow: PublicFlow, world: World) -> None:
    first, other = spellings()
    world.database.execute("update settings set session_limit = 1")
    try:
        log_in(flow, first)
        challenge_id = flow.send(other)
        assert flow.confirm(challenge_id, flow.code(challenge_id)) == "session_limit_exceeded"
    finally:
        world.database.execute("update settings set session_limit = 0")


def test_of_two_users_from_before_the_older_keeps_the_address(flow: PublicFlow, world: World) -> None:
    first, other = spellings()
    older = store_user(world.database, email=first)
    younger = store_user(world.database, email=other)
    kept = store_session(world.database, younger)

    assert log_in(flow, other).session.user_id == older.user_id
    assert letters(world, flow.send(other)) == [first]
    (row,) = world.database.execute(
        "select status from device_sessions where device_session_id = $1", kept.device_session_id
    )
    assert row["status"] == "active"


def test_a_block_of_either_of_them_keeps_both_spellings_out(flow: PublicFlow, world: World) -> None:
    first, other = spellings()
    store_user(world.database, email=first)
    younger = store_user(world.database, email=other)
    world.call(block_user, world, younger.user_id)
    for spelling in (first, other):
        flow.send(spelling)
    assert flow.decisions == ["blocked", "blocked"]


def test_where_users_live_elsewhere_each_spelling_has_its_own_code_and_letter(
    elsewhere: PublicFlow, world: World
) -> None:
    first, other = spellings()
    store_user(world.database, email=first)
    challenges = elsewhere.send(first), elsewhere.send(other)
    assert elsewhere.decisions == ["new_code", "new_code"]
    assert letters(world, *challenges) == [first, other]


def test_where_users_live_elsewhere_a_blocked_user_does_not_stop_another_spelling(
    elsewhere: PublicFlow, world: World
) -> None:
    first, other = spellings()
    user = store_user(world.database, email=first)
    world.call(partial(block_user, world, user.user_id))
    for spelling in (first, other):
        elsewhere.send(spelling)
    assert elsewhere.decisions == ["blocked", "new_code"]
