"""Invitations are withdrawn while their readers log in: no user is made by an invitation that is gone (SPEC §20.4).

The trail decides which came first: both rows are written while the transaction holds the row of the address.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from services.internal_admin.invitations.domain import Invited
from services.public_auth.domain.confirm import ConfirmRefusal
from services.public_auth.store.confirm_challenge import SessionMade
from tests.support.builders import unique
from tests.support.interruption import InterruptedPostgres, elsewhere
from tests.support.invitations import invite, withdraw, withdrawal
from tests.support.public_flow import PublicFlow, after, race
from tests.support.settings import DEFAULTS, set_settings
from tests.support.world import World

ROUNDS = 3
LOGINS = 50
LONGEST = 0.02
"""Seconds. In the first round the logins start this long after the withdrawals, in the last round before them."""
USERS_WITHOUT_INVITATION = """
select u.email from users u
  join device_sessions s using (user_id)
  join audit_events login on login.subject = s.device_session_id and login.event = 'security.create_session'
  join audit_events gone on gone.subject = 'email-' || u.email_id
                        and gone.event = 'security.delete_invitation' and gone.outcome = 'deleted'
 where gone.audit_id < login.audit_id
"""

Contender = Callable[[], Awaitable[Any]]


@pytest.fixture(autouse=True)
def only_invited(world: World) -> Iterator[None]:
    world.call(lambda: set_settings(world, sign_up="invited"))
    yield
    world.database.execute(DEFAULTS)


def test_a_login_decided_before_its_invitation_was_withdrawn_and_written_after_is_decided_again(
    flow: PublicFlow, world: World
) -> None:
    email = unique("invited-") + "@example.com"
    invited = world.call(invite, world, email)
    assert isinstance(invited, Invited)
    challenge_id = flow.send(email)
    gone = elsewhere(world.database.internal_dsn, withdrawal(invited.invitation_id))

    outcome = flow.reaching(InterruptedPostgres(world.public, gone)).confirm(challenge_id, flow.code(challenge_id))

    assert outcome is ConfirmRefusal.BLOCKED_BY_POLICY
    assert world.database.execute("select 1 from users where email = $1", email) == []


def test_50_logins_racing_the_withdrawal_of_their_invitations_make_no_user_without_one(
    flow: PublicFlow, world: World
) -> None:
    """Three rounds of 50 logins and 50 withdrawals behind one barrier."""
    prepared = [prepare(flow) for _ in range(ROUNDS)]

    async def rounds() -> Counter[str]:
        outcomes: Counter[str] = Counter()
        for number, pairs in enumerate(prepared):
            lead = LONGEST * (2 * number / (ROUNDS - 1) - 1)
            logins = [after(-lead, confirm) for confirm, _ in pairs]
            answers = await race(*logins, *(after(lead, withdraw) for _, withdraw in pairs))
            outcomes.update("made" if isinstance(each, SessionMade) else each for each in answers)
        return outcomes

    outcomes = world.call(rounds)

    assert world.database.execute(USERS_WITHOUT_INVITATION) == []
    (row,) = world.database.execute("select count(*) from users where email like $1", "racing-%")
    assert row["count"] == outcomes["made"]
    assert outcomes["made"] + outcomes[ConfirmRefusal.BLOCKED_BY_POLICY] == outcomes["deleted"] == ROUNDS * LOGINS
    assert min(outcomes.values()) > 0, "the race must have been won by both"


def prepare(flow: PublicFlow) -> list[tuple[Contender, Contender]]:
    """Invites addresses and sends them codes. Returns for each its confirm and the withdrawal of its invitation."""
    emails, world = [unique("racing-") + "@example.com" for _ in range(LOGINS)], flow.world

    invitations = world.call(race, *(partial(invite, world, email) for email in emails))
    challenges = world.call(race, *(partial(flow.sending, email) for email in emails))
    codes = [flow.code(challenge_id) for challenge_id in challenges]
    return [
        (flow.confirming(challenge_id, code), partial(withdraw, world, invited.invitation_id))
        for challenge_id, code, invited in zip(challenges, codes, invitations, strict=True)
    ]
