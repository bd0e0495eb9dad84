"""Two things that must not multiply a budget: other spellings of an address, and a change of keys (SPEC §2.3, §3.6)."""

from datetime import timedelta

import pytest

from services.public_auth.domain.confirm import CountWrongCode
from services.public_auth.store.confirm_challenge import SessionMade
from shared.kernel.keyring import KeyRing
from tests.support import public_flow
from tests.support.builders import unique
from tests.support.public_flow import CODES_BY_SPELLING, PublicFlow
from tests.support.world import World

OLD = "codes:" + "Y29kZXMt" * 8
NEW = "next:" + "bmV4dGNv" * 8


def spellings(count: int) -> list[str]:
    """Spellings of one address: identities that differ, except in folded case."""
    local_part = unique("abcdefghijkl-")
    return [local_part[:place] + local_part[place:].upper() + "@example.com" for place in range(1, count + 1)]


def test_spellings_share_the_wrong_codes_of_one_address(flow: PublicFlow, world: World) -> None:
    """However many codes there are, no more guesses than the budget are ever compared."""
    evaluated = 0
    for spelling in spellings(12):
        for network in range(1, 9):
            challenge_id = flow.send(spelling, f"192.0.2.{network}")
            wrong = flow.wrong_code(challenge_id)
            for _ in range(5):
                evaluated += flow.confirm(challenge_id, wrong) == CountWrongCode(evaluated=True)

    assert 60 <= evaluated <= 80  # what is kept for known networks is not theirs
    assert flow.decisions.count("new_code") <= 6


def test_a_block_holds_for_every_spelling(flow: PublicFlow, world: World) -> None:
    one, other = spellings(2)
    challenge_id = flow.send(one)
    world.database.execute(
        """
        insert into blocks (email_id, reason_code, actor_type, created_at)
        select email_id, 'policy_blocked', 'admin', clock_now() from emails where folded = $1
        """,
        one.lower(),
    )

    flow.send(other)
    assert flow.decisions == ["new_code", "blocked"]
    assert flow.confirm(challenge_id, flow.code(challenge_id)) == "blocked_by_policy"


@pytest.fixture
def rotated(flow: PublicFlow, world: World, monkeypatch: pytest.MonkeyPatch) -> PublicFlow:
    """A flow that holds a newer key beside the one of `flow`."""
    monkeypatch.setattr(public_flow, "LOGIN_CODE_KEYS", KeyRing.parse("test", f"{NEW},{OLD}"))
    return PublicFlow(world)


def test_a_code_of_the_older_key_logs_in_under_the_newer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    flow, (email, *_) = PublicFlow(world), spellings(1)
    challenge_id = flow.send(email)
    code = flow.code(challenge_id)
    monkeypatch.setattr(public_flow, "LOGIN_CODE_KEYS", KeyRing.parse("test", f"{NEW},{OLD}"))

    assert isinstance(flow.confirm(challenge_id, code), SessionMade)


def test_a_network_keeps_one_share_while_keys_change(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = spellings(5)
    flow = PublicFlow(world, CODES_BY_SPELLING)
    for spelling in shared[:2]:
        flow.send(spelling)
    monkeypatch.setattr(public_flow, "LOGIN_CODE_KEYS", KeyRing.parse("test", f"{NEW},{OLD}"))
    rotated = PublicFlow(world, CODES_BY_SPELLING)
    for spelling in shared[2:]:
        rotated.send(spelling)

    assert flow.decisions == ["new_code", "new_code"]
    assert rotated.decisions == ["new_code", "mail_budget", "mail_budget"]


def test_a_networks_places_are_found_under_either_key(flow: PublicFlow, rotated: PublicFlow) -> None:
    (email,) = spellings(1)
    first, second = flow.send(email), flow.send(email)
    rotated.send(email)

    assert (flow.state(first), flow.state(second)) == ("cancelled", "sent")


def test_a_known_network_stays_known_while_keys_change(
    world: World, flow: PublicFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    (email,) = spellings(1)
    challenge_id = flow.send(email)
    assert isinstance(flow.confirm(challenge_id, flow.code(challenge_id)), SessionMade)
    for network in range(1, 20):
        flow.send(email, f"198.51.100.{network}")
    assert flow.decisions[-1] == "live_challenge_budget"

    monkeypatch.setattr(public_flow, "LOGIN_CODE_KEYS", KeyRing.parse("test", f"{NEW},{OLD}"))
    rotated = PublicFlow(world)
    challenge_id = rotated.send(email)
    assert isinstance(rotated.confirm(challenge_id, rotated.code(challenge_id)), SessionMade)


def test_a_login_leaves_alone_the_codes_that_expired(flow: PublicFlow, world: World) -> None:
    """Otherwise a stranger who requests many codes would make the owner's login write many rows."""
    (email,) = spellings(1)
    flow.send(email)
    world.travel(timedelta(minutes=11))
    challenge_id = flow.send(email)
    assert isinstance(flow.confirm(challenge_id, flow.code(challenge_id)), SessionMade)

    codes = world.database.execute(
        "select ended_at is not null as ended from login_codes where email = $1 order by created_at", email
    )
    assert [row["ended"] for row in codes] == [False, True]
