"""A success forgives wrong codes to its own network (SPEC §3.6)."""

from datetime import timedelta

from services.public_auth.domain.confirm import CountWrongCode
from services.public_auth.store.confirm_challenge import SessionMade
from shared.kernel.network import parse_network
from tests.support.builders import email_address
from tests.support.public_flow import HOME, PublicFlow
from tests.support.world import World

STRANGERS = [f"198.51.100.{number}" for number in range(1, 9)]


def log_in(flow: PublicFlow, email: str, network: str = HOME, slips: int = 0) -> bool:
    challenge_id = flow.send(email, network)
    for _ in range(slips):
        assert flow.confirm(challenge_id, flow.wrong_code(challenge_id), network=network) == CountWrongCode(
            evaluated=True
        )
    return isinstance(flow.confirm(challenge_id, flow.code(challenge_id), network=network), SessionMade)


def guess(flow: PublicFlow, email: str, network: str) -> int:
    """Guesses wrong codes of a new challenge. Returns the number that were compared."""
    challenge_id = flow.send(email, network)
    wrong = flow.wrong_code(challenge_id)
    return sum(flow.confirm(challenge_id, wrong) == CountWrongCode(evaluated=True) for _ in range(5))


def test_the_owners_logins_give_strangers_no_further_guess(flow: PublicFlow) -> None:
    """It had been 80 for each login: 480 in the six of a minute."""
    email = email_address()
    evaluated = 0
    for _ in range(6):
        assert log_in(flow, email)
        evaluated += sum(guess(flow, email, network) for network in STRANGERS for _ in range(2))

    assert 60 <= evaluated <= 80
    assert log_in(flow, email)


def test_a_success_forgives_the_network_that_succeeded(flow: PublicFlow) -> None:
    email = email_address()
    assert log_in(flow, email)
    assert [guess(flow, email, HOME) for _ in range(3)] == [5] * 3

    assert log_in(flow, email)
    assert [guess(flow, email, HOME) for _ in range(4)] == [5] * 4
    assert guess(flow, email, HOME) == 0


def test_slips_before_the_right_code_are_no_guesses(flow: PublicFlow, world: World) -> None:
    """Otherwise an owner who mistypes once a login would be shut out while strangers use up their guesses."""
    email = email_address()
    assert log_in(flow, email)
    for network in STRANGERS:
        guess(flow, email, network)

    for _ in range(30):
        assert log_in(flow, email, slips=1)


def test_only_mails_whose_code_logged_somebody_in_are_forgiven(flow: PublicFlow, world: World) -> None:
    email = email_address()
    for _ in range(12):
        assert log_in(flow, email)
    stranger = STRANGERS[0]
    for _ in range(3):
        flow.send(email, stranger)
        assert flow.decisions[-1] == "new_code"
        world.travel(timedelta(minutes=11))
    assert log_in(flow, email)

    flow.send(email, stranger)
    assert flow.decisions[-1] == "mail_budget"


def test_a_network_known_as_a_64_stays_known(flow: PublicFlow, world: World) -> None:
    """From before a network was a /56."""
    email, address = email_address(), "2001:db8:0:1ff::7"
    assert log_in(flow, email, "2001:db8:0:1ff::/64")
    world.travel(timedelta(minutes=10))
    for number in range(1, 30):
        flow.send(email.replace("@", f"+{number}@"), f"198.51.100.{number}")

    flow.send(email, parse_network(address))
    assert flow.decisions[-1] == "new_code"
    world.travel(timedelta(minutes=10))
    flow.send(email, parse_network("2001:db8:0:1fe::7"))
    assert flow.decisions[-1] == "mail_budget"
