"""Logins whose users live elsewhere: what is asked when, what holds while the service is down, and races (SPEC §8)."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from services.internal_admin.blocks import orders as block_orders
from services.internal_admin.blocks import store as blocks_store
from services.internal_admin.blocks.domain import BlockSubject
from services.internal_admin.blocks.orders import LEASE
from services.internal_admin.changes.domain import NOTHING
from services.public_auth.domain.confirm import ConfirmRefusal
from services.public_auth.flows.confirm_code import Confirmed
from shared.kernel.block import Subject
from shared.kernel.faults import DependencyUnavailable
from tests.support.builders import email_address, unique
from tests.support.internal_api import gateway_keys
from tests.support.login_flow import LoginFlow, open_login_flow
from tests.support.public_flow import contender, race
from tests.support.trusted import CAUSE
from tests.support.user_service import UserServicePeer, user_service_peer
from tests.support.world import World

ENSURE = "POST users/ensure-by-email"
RESOLVE = "POST user-resolutions/by-email"
ROUNDS = 40


@pytest.fixture(scope="module")
def running_peer() -> Iterator[UserServicePeer]:
    with user_service_peer() as peer:
        yield peer


@pytest.fixture(scope="module")
def installation(world: World, running_peer: UserServicePeer) -> Iterator[LoginFlow]:
    with open_login_flow(world, running_peer, gateway_keys()) as flow:
        yield flow


@pytest.fixture
def peer(running_peer: UserServicePeer) -> Iterator[UserServicePeer]:
    """Whole again after each test, and with nothing noted."""
    running_peer.calls.clear()
    yield running_peer
    running_peer.fault = None
    running_peer.answers.clear()


@pytest.fixture
def flow(installation: LoginFlow, peer: UserServicePeer) -> LoginFlow:
    """The circuit is closed: a call that succeeds closes it."""
    installation.world.call(_until_answered, installation)
    peer.calls.clear()
    installation.world.database.execute("delete from user_block_orders")
    return installation


async def _until_answered(installation: LoginFlow) -> None:
    users = installation._users
    assert users is not None
    users._circuit._failures = 0
    await users.exists("anybody")


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_a_send_never_asks_the_user_service_nor_does_a_wrong_code(flow: LoginFlow, peer: UserServicePeer) -> None:
    challenge_id, code = flow.send(email_address())
    for _ in range(5):
        assert flow.confirm(challenge_id, wrong(code)) is ConfirmRefusal.INVALID_CODE
    assert flow.confirm(challenge_id, code) is ConfirmRefusal.CHALLENGE_EXPIRED
    assert flow.confirm("challenge-unknown", code) is ConfirmRefusal.CHALLENGE_NOT_FOUND
    assert peer.calls == []


def test_the_right_code_asks_the_service_once_with_the_context_and_a_repeat_asks_no_more(
    flow: LoginFlow, peer: UserServicePeer
) -> None:
    email = email_address()
    challenge_id, code = flow.send(email)
    session = flow.session(flow.confirm(challenge_id, code))
    context = {"preferred_language": "en", "time_zone": "Europe/Berlin"}
    assert peer.bodies(ENSURE) == [{"email": email, "registration_context": context}]
    assert session["user_id"] == peer.users[email]
    assert not session["user_id"].startswith("user-")
    flow.confirm(challenge_id, code)
    assert peer.routes() == [ENSURE]


def test_a_local_block_holds_without_asking(flow: LoginFlow, peer: UserServicePeer) -> None:
    email = email_address()
    challenge_id, code = flow.send(email)
    flow.api.block(email=email)
    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert ENSURE not in peer.routes()


@pytest.mark.parametrize("fault", ["stall", "garbage", "contradiction", 500, 503])
def test_without_an_answer_nothing_changes_and_the_same_confirm_succeeds_later(
    flow: LoginFlow, peer: UserServicePeer, fault: Any
) -> None:
    email = email_address()
    challenge_id, code = flow.send(email)
    peer.fault = fault
    with pytest.raises(DependencyUnavailable, match="user_service is unavailable"):
        flow.confirm(challenge_id, code)
    assert users_of(flow, email) == []
    peer.fault = None
    assert isinstance(flow.confirm(challenge_id, code), Confirmed)
    assert users_of(flow, email) == [peer.users[email]]


def test_no_connection_to_postgres_is_held_while_the_user_service_is_asked(
    flow: LoginFlow, peer: UserServicePeer
) -> None:
    """The pool of the public role has ten connections; twelve logins wait for a service that says nothing."""
    waiting = [flow.send(email_address()) for _ in range(12)]
    peer.fault = "stall"

    async def refused(challenge_id: str, code: str) -> str:
        with pytest.raises(DependencyUnavailable) as fault:
            await flow.confirming(challenge_id, code)()
        return fault.value.name

    async def send_meanwhile() -> str:
        return await flow._sends.sending(email_address())

    answers = flow.world.call(race, *(partial(refused, *each) for each in waiting), send_meanwhile)
    assert Counter(answers[:-1]) == {"user_service": 12}
    assert answers[-1].startswith("challenge-")


def test_a_user_service_that_swaps_users_or_addresses_is_not_believed(flow: LoginFlow, peer: UserServicePeer) -> None:
    one, other = email_address(), email_address()
    first = flow.session(flow.log_in(one))["user_id"]
    for email, user_id in ((other, first), (one, unique("swapped-"))):
        challenge_id, code = flow.send(email)
        peer.answers[ENSURE] = {"outcome": "existing", "user_id": user_id}
        with pytest.raises(DependencyUnavailable):
            flow.confirm(challenge_id, code)
        peer.answers.clear()
        assert isinstance(flow.confirm(challenge_id, code), Confirmed)


def test_of_32_right_confirms_each_may_ask_and_one_makes_the_session(flow: LoginFlow, peer: UserServicePeer) -> None:
    email = email_address()
    challenge_id, code = flow.send(email)
    answers = flow.world.call(race, *(flow.confirming(challenge_id, code) for _ in range(32)))
    assert sum(isinstance(answer, Confirmed) for answer in answers) == 1
    assert {answer for answer in answers if not isinstance(answer, Confirmed)} == {ConfirmRefusal.INVALID_CODE}
    assert 1 <= len(peer.bodies(ENSURE)) <= 32
    user_id = peer.users[email]
    assert len(flow.api.get(f"/users/{user_id}/sessions").json()["sessions"]) == 1


def test_mail_waits_for_the_user_service_and_is_sent_when_it_answers(flow: LoginFlow, peer: UserServicePeer) -> None:
    flow.mailed()
    email = email_address()
    challenge_id, _ = flow.send(email)
    peer.fault = 503
    assert flow.mailed() == []
    assert queued(flow, challenge_id) == "queued"
    peer.fault = None
    flow.world.database.execute(
        "update mail_deliveries set next_attempt_at = clock_now() where challenge_id = $1", challenge_id
    )
    assert [letter.email for letter in flow.mailed()] == [email]


def test_mail_that_waited_longer_than_its_code_lives_is_never_sent(
    world: World, flow: LoginFlow, peer: UserServicePeer
) -> None:
    flow.mailed()
    challenge_id, _ = flow.send(email_address())
    peer.fault = 503
    flow.mailed()
    world.travel(timedelta(minutes=11))
    peer.calls.clear()
    assert flow.mailed() == []
    assert (queued(flow, challenge_id), peer.calls) == ("abandoned", [])


# Blocks


def test_a_user_whom_we_never_saw_is_blocked_if_the_service_knows_them(flow: LoginFlow, peer: UserServicePeer) -> None:
    email, user_id = email_address(), unique("7.elsewhere~")
    peer.users[email] = user_id
    answer = flow.api.block(user_id=user_id)
    assert (answer.status_code, answer.json()["outcome"], answer.json()["affected_session_count"]) == (
        200,
        "blocked",
        0,
    )
    assert flow.api.block(user_id=user_id).json()["outcome"] == "already_blocked"
    assert flow.api.get("/user-blocks", user_id=user_id).json()["blocks"][0]["subject_value"] == user_id
    challenge_id, code = flow.send(email)
    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert users_of(flow, email) == []
    assert flow.api.unblock(user_id=user_id).json()["outcome"] == "unblocked"
    assert flow.session(flow.confirm(challenge_id, code))["user_id"] == user_id
    subjects = flow.world.database.execute(
        "select event, outcome from audit_events where subject = $1 order by 1, 2", user_id
    )
    assert [row["outcome"] for row in subjects if row["event"] == "security.block_subject"] == [
        "already_blocked",
        "blocked",
    ]


def test_nobody_is_blocked_while_the_service_cannot_say_who_they_are(flow: LoginFlow, peer: UserServicePeer) -> None:
    user_id = unique("8.elsewhere~")
    peer.users[email_address()] = user_id
    peer.fault = 503
    answer = flow.api.block(user_id=user_id)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
    assert answer.headers["retry-after"]
    peer.fault = None
    assert flow.api.block(user_id=user_id).json()["outcome"] == "blocked"


def test_a_block_of_a_user_we_never_saw_racing_their_first_login(flow: LoginFlow, peer: UserServicePeer) -> None:
    won: Counter[str] = Counter()
    for _ in range(ROUNDS):
        email, user_id = email_address(), unique("9.elsewhere~")
        peer.users[email] = user_id
        challenge_id, code = flow.send(email)
        login, _ = flow.world.call(race, flow.confirming(challenge_id, code), blocks_unseen(flow.world, user_id))
        won["login" if isinstance(login, Confirmed) else "block"] += 1
        sessions = flow.api.get(f"/users/{user_id}/sessions", status="active").json()["sessions"]
        assert sessions == []
    assert sum(won.values()) == ROUNDS


def test_a_block_by_the_service_racing_a_login_is_decided_by_its_answer(flow: LoginFlow, peer: UserServicePeer) -> None:
    for _ in range(10):
        email = email_address()
        flow.log_in(email)
        user_id = peer.users[email]
        challenge_id, code = flow.send(email)

        async def block(user_id: str = user_id) -> None:
            peer.blocked.add(user_id)

        login, _ = flow.world.call(race, flow.confirming(challenge_id, code), block)
        assert isinstance(login, Confirmed) or login is ConfirmRefusal.BLOCKED_BY_POLICY
        assert flow.confirm(*flow.send(email)) is ConfirmRefusal.BLOCKED_BY_POLICY


def test_the_service_is_told_of_blocks_with_their_reasons(flow: LoginFlow, peer: UserServicePeer) -> None:
    email = email_address()
    user_id = flow.session(flow.log_in(email))["user_id"]
    flow.api.block(email=email, reason_code="chargeback")
    flow.api.block(user_id=user_id, reason_code="policy_blocked")
    assert flow.deliver_orders() == 2
    assert peer.reasons[email] == "chargeback"
    assert peer.reasons[user_id] == "policy_blocked"
    assert flow.deliver_orders() == 0
    assert orders(flow) == []
    told = flow.world.database.execute(
        "select outcome, subject from audit_events where event = $1", "security.order_block"
    )
    assert ("delivered", user_id) in [tuple(row.values()) for row in told]
    assert all("@" not in row["subject"] for row in told)


def test_while_the_service_is_down_the_local_block_holds_and_the_order_waits(
    flow: LoginFlow, peer: UserServicePeer
) -> None:
    email = email_address()
    challenge_id, code = flow.send(email)
    peer.stop()
    try:
        assert flow.api.block(email=email).json()["outcome"] == "blocked"
        for _ in range(3):
            flow.deliver_orders()
            due_now(flow)
        assert [order["attempts"] for order in orders(flow)] == [3]
        assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    finally:
        peer.start()
    flow.deliver_orders()
    assert email in peer.blocked
    assert orders(flow) == []


def test_an_order_that_failed_waits_longer_each_time(flow: LoginFlow, peer: UserServicePeer) -> None:
    peer.fault = 500
    flow.api.block(email=email_address())
    assert flow.deliver_orders() == 1
    assert flow.deliver_orders() == 0


def test_an_unblock_takes_back_what_the_service_was_not_told_yet(flow: LoginFlow, peer: UserServicePeer) -> None:
    email = email_address()
    flow.api.block(email=email)
    flow.api.unblock(email=email)
    assert flow.deliver_orders() == 0
    assert email not in peer.blocked


def test_a_block_that_ends_by_itself_stays_here(flow: LoginFlow, peer: UserServicePeer) -> None:
    """The contract has no way to end a block: told of one, the service would keep it for ever."""
    email = email_address()
    flow.api.block(email=email, expires_at="2099-01-01T00:00:00Z")
    assert flow.deliver_orders() == 0
    flow.api.block(email=email)
    flow.api.block(email=email, expires_at="2099-01-01T00:00:00Z")
    assert flow.deliver_orders() == 0
    flow.api.block(email=email)
    assert flow.deliver_orders() == 1


def test_a_repeated_block_orders_nothing_again(flow: LoginFlow, peer: UserServicePeer) -> None:
    email = email_address()
    for _ in range(3):
        flow.api.block(email=email)
    assert flow.deliver_orders() == 1
    flow.api.block(email=email)
    assert flow.deliver_orders() == 0


def test_an_order_for_a_user_the_service_forgot_ends_and_says_so(flow: LoginFlow, peer: UserServicePeer) -> None:
    email = email_address()
    user_id = flow.session(flow.log_in(email))["user_id"]
    del peer.users[email]
    flow.api.block(user_id=user_id)
    assert flow.deliver_orders() == 1
    assert orders(flow) == []
    told = flow.world.database.execute(
        "select outcome from audit_events where event = $1 and subject = $2", "security.order_block", user_id
    )
    assert [row["outcome"] for row in told] == ["not_found"]


def test_of_two_workers_each_order_is_one_ones(flow: LoginFlow, peer: UserServicePeer) -> None:
    for _ in range(6):
        flow.api.block(email=email_address())
    handled = flow.world.call(race, *(flow.ordering() for _ in range(4)))
    assert sum(handled) == 6
    assert len(peer.bodies("POST user-blocks/by-email")) == 6


def test_a_worker_that_dies_with_an_order_in_hand_loses_nothing(
    world: World, flow: LoginFlow, peer: UserServicePeer
) -> None:
    email = email_address()
    flow.api.block(email=email)
    claim = partial(block_orders.claim_block_orders, limit=10, lease=LEASE)
    claimed, waiting = world.call(world.internal.unit_of_work, claim)
    assert ([order.email for order in claimed], waiting) == ([email], 1)
    assert flow.deliver_orders() == 0
    world.travel(LEASE)
    assert flow.deliver_orders() == 1
    assert email in peer.blocked


def blocks_unseen(world: World, user_id: str) -> Callable[[], Awaitable[Any]]:
    command = BlockSubject(Subject("user_id", user_id), None, CAUSE, is_known_elsewhere=True)
    return contender(world.internal, blocks_store.block_subject, NOTHING, command=command)


def users_of(flow: LoginFlow, email: str) -> list[str]:
    return [row["user_id"] for row in flow.world.database.execute("select user_id from users where email = $1", email)]


def queued(flow: LoginFlow, challenge_id: str) -> str:
    (row,) = flow.world.database.execute("select state from mail_deliveries where challenge_id = $1", challenge_id)
    return row["state"]


def orders(flow: LoginFlow) -> list[Any]:
    return flow.world.database.execute("select * from user_block_orders")


def due_now(flow: LoginFlow) -> None:
    flow.world.database.execute("update user_block_orders set next_attempt_at = clock_now()")
