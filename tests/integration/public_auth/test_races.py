"""Races of the public flow: a barrier, real Postgres, and a count (SPEC §3.6, §3.7)."""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from services.public_auth.domain.confirm import ConfirmRefusal, CountWrongCode
from services.public_auth.store.confirm_challenge import ConfirmOutcome, SessionMade, SessionRepeated
from tests.support.builders import client_public_key, email_address
from tests.support.public_flow import PublicFlow, after, race
from tests.support.trusted import block_email, block_user
from tests.support.world import World


def test_of_100_racing_wrong_codes_exactly_5_are_evaluated(flow: PublicFlow, world: World) -> None:
    challenge_id = flow.send(email_address())
    wrong = flow.wrong_code(challenge_id)

    answers = world.call(race, *[flow.confirming(challenge_id, wrong) for _ in range(100)])

    assert Counter(answers) == {CountWrongCode(evaluated=True): 5, ConfirmRefusal.CHALLENGE_EXPIRED: 95}
    (row,) = world.database.execute("select attempts, evaluated from challenges where challenge_id = $1", challenge_id)
    assert tuple(row) == (5, 5)


def test_the_right_code_inside_a_burst_of_wrong_ones_never_makes_two_sessions(flow: PublicFlow, world: World) -> None:
    for _ in range(10):
        email = email_address()
        challenge_id = flow.send(email)
        right, wrong = flow.code(challenge_id), flow.wrong_code(challenge_id)
        guesses = [wrong] * 20 + [right] + [wrong] * 19

        answers = world.call(race, *[flow.confirming(challenge_id, guess) for guess in guesses])

        (row,) = world.database.execute("select attempts, state from challenges where challenge_id = $1", challenge_id)
        made = [answer for answer in answers if isinstance(answer, SessionMade)]
        assert len(made) == sessions_of(world, email) == (row["state"] == "confirmed_pending_expire")
        assert answers.count(CountWrongCode(evaluated=True)) == row["attempts"] <= 5


def test_32_right_confirms_with_one_key_make_one_session_for_all(flow: PublicFlow, world: World) -> None:
    email, key = email_address(), client_public_key()
    challenge_id = flow.send(email)
    code = flow.code(challenge_id)

    answers = world.call(race, *[flow.confirming(challenge_id, code, key) for _ in range(32)])

    made = [answer for answer in answers if isinstance(answer, SessionMade)]
    repeated = [answer for answer in answers if isinstance(answer, SessionRepeated)]
    assert (len(made), len(repeated), sessions_of(world, email)) == (1, 31, 1)
    assert {answer.session.device_session_id for answer in made + repeated} == {made[0].session.device_session_id}


def test_32_right_confirms_with_32_keys_make_one_session_for_one(flow: PublicFlow, world: World) -> None:
    email = email_address()
    challenge_id = flow.send(email)
    code = flow.code(challenge_id)

    answers: list[ConfirmOutcome] = world.call(race, *[flow.confirming(challenge_id, code) for _ in range(32)])

    assert Counter(type(answer) for answer in answers) == {SessionMade: 1, ConfirmRefusal: 31}
    assert answers.count(ConfirmRefusal.INVALID_CODE) == 31
    assert sessions_of(world, email) == 1


def test_two_challenges_on_one_code_make_one_session(flow: PublicFlow, world: World) -> None:
    for _ in range(20):
        email = email_address()
        first, second = flow.send(email), flow.send(email, "192.0.2.2")
        code = flow.code(first)

        answers: list[ConfirmOutcome] = world.call(race, flow.confirming(first, code), flow.confirming(second, code))

        assert Counter(type(answer) for answer in answers) == {SessionMade: 1, ConfirmRefusal: 1}
        assert sessions_of(world, email) == 1


LONGEST_LEAD = 0.004
"""Seconds. In the first round the login starts this long after the block, in the last round before it."""


@pytest.mark.parametrize("rounds", [400])
@pytest.mark.parametrize(
    ("returning", "by_user_id"), [(False, False), (True, False), (True, True)], ids=["new", "returning", "by_user_id"]
)
def test_a_block_racing_a_login_never_leaves_an_active_session(
    flow: PublicFlow, world: World, rounds: int, *, returning: bool, by_user_id: bool
) -> None:
    prepared = [_ready_to_log_in(flow, returning=returning) for _ in range(rounds)]

    async def rounds_of_races() -> Counter[type]:
        outcomes: Counter[type] = Counter()
        for number, (email, user_id, confirm) in enumerate(prepared):
            block = partial(block_user, world, user_id) if by_user_id else partial(block_email, world, email)
            lead = LONGEST_LEAD * (2 * number / rounds - 1)
            outcome, _ = await race(after(-lead, confirm), after(lead, block))
            outcomes[type(outcome)] += 1
        return outcomes

    outcomes = world.call(rounds_of_races)

    (row,) = world.database.execute(
        """
        select count(*) as alive from device_sessions s join users u using (user_id)
         where s.status = 'active'
           and exists (select from blocks b where b.email_id = u.email_id or b.user_id = u.user_id)
        """
    )
    assert row["alive"] == 0
    assert min(outcomes[SessionMade], outcomes[ConfirmRefusal]) > 0, "the race must have been won by both"
    assert outcomes.total() == rounds


def test_a_limit_is_never_exceeded_by_racing_logins(flow: PublicFlow, world: World) -> None:
    limit = 3
    world.database.execute("update settings set session_limit = $1", limit)
    for _ in range(10):
        email = email_address()
        # Two identities of one folded address share no user: race the logins of one user through codes of its own.
        challenges = [flow.send(email, f"192.0.2.{network}") for network in range(1, 6)]
        codes = [flow.code(challenge_id) for challenge_id in challenges]
        for _ in range(limit + 2):
            answers = world.call(
                race, *[flow.confirming(one, code) for one, code in zip(challenges, codes, strict=True)]
            )
            assert sessions_of(world, email) <= limit
            if all(answer is ConfirmRefusal.SESSION_LIMIT_EXCEEDED for answer in answers):
                break
            challenges = [flow.send(email, f"192.0.2.{network}") for network in range(1, 6)]
            codes = [flow.code(challenge_id) for challenge_id in challenges]
        assert sessions_of(world, email) == limit
    world.database.execute("update settings set session_limit = $1", 0)


def test_racing_sends_never_pass_a_budget(flow: PublicFlow, world: World) -> None:
    email = email_address()
    sends = [partial(flow.sending, email, f"192.0.2.{network}") for network in range(1, 11) for _ in range(4)]

    world.call(race, *sends)

    (row,) = world.database.execute(
        """
        select count(*) filter (where c.state in ('pending_send', 'sent')) as live,
               (select count(*) from mail_deliveries m where m.email = $1 and m.state in ('queued', 'sent')) as mails,
               max(per_network.live) as most_of_one
          from challenges c
          join (select network_tag, count(*) as live from challenges
                 where email = $1 and state in ('pending_send', 'sent')
                 group by network_tag) per_network using (network_tag)
         where c.email = $1
        """,
        email,
    )
    assert row["mails"] == 1
    assert 12 <= row["live"] <= 16  # a second challenge fits among twelve, a first one among sixteen
    assert row["most_of_one"] <= 2  # which networks were first is chance: perhaps ten different ones


def _ready_to_log_in(flow: PublicFlow, *, returning: bool) -> tuple[str, str, Callable[[], Awaitable[ConfirmOutcome]]]:
    email, user_id = email_address(), ""
    if returning:
        challenge_id = flow.send(email)
        made = flow.confirm(challenge_id, flow.code(challenge_id))
        assert isinstance(made, SessionMade)
        user_id = made.session.user_id
    challenge_id = flow.send(email)
    return email, user_id, flow.confirming(challenge_id, flow.code(challenge_id))


def sessions_of(world: World, email: str) -> int:
    (row,) = world.database.execute(
        """
        select count(*) as active from device_sessions join users using (user_id)
         where email = $1 and status = 'active'
        """,
        email,
    )
    return row["active"]
