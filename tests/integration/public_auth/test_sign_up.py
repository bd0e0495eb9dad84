"""The setting `sign_up`: existing users log in, and no other address is mailed (SPEC §20.4)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from services.public_auth.domain.confirm import ConfirmRefusal
from services.public_auth.store.confirm_challenge import SessionMade
from tests.support.builders import email_address, unique
from tests.support.invitations import invite
from tests.support.public_flow import PublicFlow
from tests.support.settings import DEFAULTS, set_settings
from tests.support.trusted import block_email
from tests.support.world import World

TABLES = ("emails", "login_codes", "challenges", "mail_deliveries")


@pytest.fixture(autouse=True)
def own_settings(world: World) -> Iterator[None]:
    yield
    world.database.execute(DEFAULTS)


def let_in(world: World, who: str) -> None:
    world.call(lambda: set_settings(world, sign_up=who))


def log_in(flow: PublicFlow, email: str) -> None:
    challenge_id = flow.send(email)
    assert isinstance(flow.confirm(challenge_id, flow.code(challenge_id)), SessionMade)


def users_of(world: World, email: str) -> int:
    return world.database.execute("select count(*) from users where lower(email) = lower($1)", email)[0]["count"]


@pytest.mark.parametrize("who", ["invited", "closed"])
def test_existing_users_log_in_and_a_new_address_is_suppressed(flow: PublicFlow, world: World, who: str) -> None:
    existing, new = email_address(), email_address()
    log_in(flow, existing)
    let_in(world, who)

    log_in(flow, existing.upper())
    challenge_id = flow.send(new)

    assert (flow.decisions[-1], flow.state(challenge_id)) == ("sign_up", "delivery_suppressed")
    (mail,) = world.database.execute("select state, reason from mail_deliveries where challenge_id = $1", challenge_id)
    assert tuple(mail) == ("decoy", "sign_up")


def test_an_invited_address_signs_up_in_any_spelling(flow: PublicFlow, world: World) -> None:
    email = email_address()
    let_in(world, "invited")
    world.call(invite, world, email)

    log_in(flow, email.upper())

    assert users_of(world, email) == 1


def test_an_invitation_is_for_one_address_and_none_beside_it(flow: PublicFlow, world: World) -> None:
    name = unique("invited-")
    let_in(world, "invited")
    world.call(invite, world, f"{name}@example.com")

    for other in (f"{name}+shop@example.com", f"{name}@sub.example.com", f"x{name}@example.com"):
        flow.send(other)

    assert flow.decisions[-3:] == ["sign_up"] * 3


def test_while_sign_up_is_closed_an_invitation_opens_nothing(flow: PublicFlow, world: World) -> None:
    email = email_address()
    world.call(invite, world, email)
    let_in(world, "closed")
    flow.send(email)
    assert flow.decisions[-1] == "sign_up"

    let_in(world, "invited")
    flow.send(email)
    assert flow.decisions[-1] == "new_code"


@pytest.mark.parametrize("invited", [False, True])
def test_the_right_code_of_a_new_address_is_refused_once_sign_up_is_closed(
    flow: PublicFlow, world: World, *, invited: bool
) -> None:
    """The code of a send before the change. It changes nothing, and it is good again when sign-up opens."""
    email = email_address()
    if invited:
        world.call(invite, world, email)
    challenge_id = flow.send(email)
    code = flow.code(challenge_id)
    let_in(world, "closed")

    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert users_of(world, email) == 0

    let_in(world, "open")
    assert isinstance(flow.confirm(challenge_id, code), SessionMade)


def test_an_invitation_that_expires_while_its_code_lives_makes_no_user(flow: PublicFlow, world: World) -> None:
    email = email_address()
    let_in(world, "invited")
    world.call(invite, world, email)
    world.travel(timedelta(days=14, minutes=-5))
    challenge_id = flow.send(email)
    code = flow.code(challenge_id)

    world.travel(timedelta(minutes=5))

    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert users_of(world, email) == 0
    world.call(invite, world, email)
    assert isinstance(flow.confirm(challenge_id, code), SessionMade)


def test_a_block_beside_an_invitation_wins(flow: PublicFlow, world: World) -> None:
    email = email_address()
    let_in(world, "invited")
    world.call(invite, world, email)
    challenge_id = flow.send(email)
    code = flow.code(challenge_id)

    world.call(block_email, world, email)

    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    flow.send(email)
    assert (flow.decisions[-1], users_of(world, email)) == ("blocked", 0)


def test_a_suppressed_sign_up_writes_the_same_rows_as_a_blocked_send(flow: PublicFlow, world: World) -> None:
    def written(email: str) -> list[dict[str, int]]:
        return [rows_of_transaction(world, flow.send(email)) for _ in range(5)]

    blocked, uninvited = email_address(), email_address()
    world.call(block_email, world, blocked)
    let_in(world, "invited")

    assert written(uninvited) == written(blocked)
    assert flow.decisions[-10:] == ["sign_up"] * 5 + ["blocked"] * 5


def rows_of_transaction(world: World, challenge_id: str) -> dict[str, int]:
    of_transaction = "xmin = (select xmin from challenges where challenge_id = $1)"
    sql = "select count(*) from {} where " + of_transaction
    return {table: world.database.execute(sql.format(table), challenge_id)[0]["count"] for table in TABLES}
