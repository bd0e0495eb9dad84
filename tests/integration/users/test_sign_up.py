"""Sign-up where users live in a user service: only that knows who is new, and it is asked first (SPEC §20.4)."""

from collections.abc import Iterator
from typing import Any

import pytest

from services.internal_admin.invitations.domain import Invited
from services.public_auth.domain.confirm import ConfirmRefusal
from services.public_auth.flows.confirm_code import Confirmed
from shared.kernel.faults import DependencyUnavailable
from tests.support.builders import email_address, unique
from tests.support.internal_api import gateway_keys
from tests.support.invitations import invite, withdraw
from tests.support.login_flow import LoginFlow, open_login_flow
from tests.support.settings import DEFAULTS, set_settings
from tests.support.user_service import UserServicePeer, user_service_peer
from tests.support.world import World

ENSURE = "POST users/ensure-by-email"
RESOLVE = "POST user-resolutions/by-email"


@pytest.fixture(scope="module")
def running_peer() -> Iterator[UserServicePeer]:
    with user_service_peer() as peer:
        yield peer


@pytest.fixture(scope="module")
def installation(world: World, running_peer: UserServicePeer) -> Iterator[LoginFlow]:
    with open_login_flow(world, running_peer, gateway_keys()) as flow:
        yield flow


@pytest.fixture(params=["invited", "closed"])
def flow(
    request: pytest.FixtureRequest, world: World, installation: LoginFlow, running_peer: UserServicePeer
) -> Iterator[LoginFlow]:
    """An installation where no new user signs up, and none is invited."""
    world.call(lambda: set_settings(world, sign_up=request.param))
    installation.mailed()
    running_peer.calls.clear()
    yield installation
    running_peer.fault = None
    world.database.execute(DEFAULTS)


@pytest.fixture
def peer(running_peer: UserServicePeer) -> UserServicePeer:
    return running_peer


def let_in(flow: LoginFlow, who: str) -> None:
    flow.world.call(lambda: set_settings(flow.world, sign_up=who))


def why_nothing_was_mailed(flow: LoginFlow, challenge_id: str) -> tuple[Any, ...]:
    (row,) = flow.world.database.execute(
        "select state, reason from mail_deliveries where challenge_id = $1", challenge_id
    )
    return tuple(row)


def test_a_user_of_the_service_who_is_unknown_here_is_mailed_and_logs_in(
    flow: LoginFlow, peer: UserServicePeer
) -> None:
    email, user_id = email_address(), unique("5.elsewhere~")
    peer.users[email] = user_id
    challenge_id, code = flow.send(email)
    assert [letter.email for letter in flow.mailed()] == [email]

    assert flow.session(flow.confirm(challenge_id, code))["user_id"] == user_id
    assert peer.routes() == [RESOLVE, RESOLVE]


def test_a_new_address_is_mailed_nothing_and_its_right_code_makes_no_user_anywhere(
    flow: LoginFlow, peer: UserServicePeer
) -> None:
    email = email_address()
    challenge_id, code = flow.send(email)
    assert flow.mailed() == []
    assert why_nothing_was_mailed(flow, challenge_id) == ("suppressed", "sign_up")

    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert ENSURE not in peer.routes()
    assert email not in peer.users
    assert flow.api.get("/users", email=email).status_code == 404

    let_in(flow, "open")
    assert isinstance(flow.confirm(challenge_id, code), Confirmed)


def test_an_invitation_lets_a_new_address_in_until_it_is_withdrawn(
    flow: LoginFlow, peer: UserServicePeer, world: World
) -> None:
    let_in(flow, "invited")
    first, second = email_address(), email_address()
    world.call(invite, world, first)
    invited = world.call(invite, world, second)
    assert isinstance(invited, Invited)

    assert isinstance(flow.log_in(first), Confirmed)
    assert peer.routes() == [ENSURE]
    challenge_id, code = flow.send(second)
    assert {letter.email for letter in flow.mailed()} >= {second}
    assert world.call(withdraw, world, invited.invitation_id) == "deleted"
    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert second not in peer.users


def test_a_user_who_is_gone_from_the_service_is_not_made_again(flow: LoginFlow, peer: UserServicePeer) -> None:
    email = email_address()
    let_in(flow, "open")
    assert isinstance(flow.log_in(email), Confirmed)
    user_id = peer.users.pop(email)
    let_in(flow, "closed")

    challenge_id, code = flow.send(email)

    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert email not in peer.users
    peer.users[email] = user_id  # the service counts its users to name the next one


def test_a_user_blocked_at_the_service_is_refused_as_ever(flow: LoginFlow, peer: UserServicePeer) -> None:
    email = email_address()
    peer.users[email] = unique("6.elsewhere~")
    challenge_id, code = flow.send(email)
    peer.blocked.add(email)
    assert flow.mailed() == []
    assert why_nothing_was_mailed(flow, challenge_id) == ("suppressed", "user_service")
    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY


def test_while_the_service_is_away_a_mail_waits_and_a_confirm_changes_nothing(
    flow: LoginFlow, peer: UserServicePeer
) -> None:
    email = email_address()
    peer.users[email] = unique("7.elsewhere~")
    challenge_id, code = flow.send(email)
    peer.fault = 500
    assert flow.mailed() == []
    assert why_nothing_was_mailed(flow, challenge_id) == ("queued", "unchecked")
    with pytest.raises(DependencyUnavailable):
        flow.confirm(challenge_id, code)
    peer.fault = None
    assert isinstance(flow.confirm(challenge_id, code), Confirmed)
