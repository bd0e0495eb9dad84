"""Addresses that differ after a `+` have one mailbox. Its mails are counted together, and nothing else (SPEC §3.6)."""

from datetime import timedelta
from functools import partial

from services.public_auth.domain.confirm import CountWrongCode
from services.public_auth.store.confirm_challenge import SessionMade
from tests.support.builders import email_address
from tests.support.public_flow import HOME, PublicFlow, race
from tests.support.trusted import block_email
from tests.support.world import World

STRANGERS_PART = 8
MAILS = "select count(*) from mail_deliveries where (email = $1 or mailbox = $1) and state in ('queued', 'sent')"


def variant(email: str, number: int) -> str:
    return email.replace("@", f"+{number}@")


def mails_to(world: World, email: str) -> int:
    (row,) = world.database.execute(MAILS, email)
    return row["count"]


def test_150_addresses_of_one_mailbox_get_the_mails_of_one(flow: PublicFlow, world: World) -> None:
    email = email_address()
    for number in range(150):
        flow.send(variant(email, number), f"198.51.100.{number}")

    assert mails_to(world, email) == STRANGERS_PART
    flow.send(email)
    assert flow.decisions[-1] == "mail_budget"


def test_sends_to_one_mailbox_that_race_never_pass_its_budget(flow: PublicFlow, world: World) -> None:
    email = email_address()
    addresses = [email, *(variant(email, number) for number in range(11))]
    sends = [partial(flow.sending, address, f"198.51.100.{n}") for n, address in enumerate(addresses * 2)]

    world.call(race, *sends)

    assert mails_to(world, email) == STRANGERS_PART


def test_an_owner_who_is_known_gets_in_beside_any_number_of_other_addresses(flow: PublicFlow, world: World) -> None:
    email = email_address()
    for address in (email, variant(email, 0)):
        first = flow.send(address)
        assert isinstance(flow.confirm(first, flow.code(first)), SessionMade)
    world.travel(timedelta(minutes=10))
    for number in range(1, 30):
        flow.send(variant(email, number), f"198.51.100.{number}")
    assert flow.decisions[-1] == "mail_budget"

    for address in (email, variant(email, 0)):
        challenge_id = flow.send(address, HOME)
        assert flow.decisions[-1] == "new_code"
        assert isinstance(flow.confirm(challenge_id, flow.code(challenge_id)), SessionMade)


def test_addresses_of_one_mailbox_are_different_people(flow: PublicFlow, world: World) -> None:
    email = email_address()
    one, other = flow.send(email), flow.send(variant(email, 1))
    assert flow.decisions == ["new_code", "new_code"]
    world.call(block_email, world, email)

    assert flow.confirm(one, flow.code(one)) == "blocked_by_policy"
    assert isinstance(flow.confirm(other, flow.code(other)), SessionMade)


def test_guesses_at_one_address_cost_the_others_nothing(flow: PublicFlow) -> None:
    email = email_address()
    for number in range(3):
        challenge_id = flow.send(variant(email, 1), f"198.51.100.{number}")
        for _ in range(5):
            flow.confirm(challenge_id, flow.wrong_code(challenge_id))
    own = flow.send(email)
    assert flow.confirm(own, flow.wrong_code(own)) == CountWrongCode(evaluated=True)
    assert isinstance(flow.confirm(own, flow.code(own)), SessionMade)
