"""One suite holds wherever users live, on the local directory and on a REST peer alike (SPEC §8)."""

from collections.abc import Iterator

import pytest

from contracts.gateway import GatewayKeys
from services.public_auth.domain.confirm import ConfirmRefusal
from services.public_auth.flows.confirm_code import Confirmed
from tests.support.builders import client_public_key, email_address, unique
from tests.support.internal_api import gateway_keys
from tests.support.login_flow import LoginFlow, open_login_flow
from tests.support.user_service import user_service_peer
from tests.support.world import World


@pytest.fixture(scope="module")
def keys() -> GatewayKeys:
    return gateway_keys()


@pytest.fixture(scope="module", params=["stub", "rest"])
def flow(request: pytest.FixtureRequest, world: World, keys: GatewayKeys) -> Iterator[LoginFlow]:
    if request.param == "stub":
        with open_login_flow(world, None, keys) as installation:
            yield installation
    else:
        with user_service_peer() as peer, open_login_flow(world, peer, keys) as installation:
            yield installation


def test_the_first_login_makes_a_user_and_the_next_one_finds_them(flow: LoginFlow) -> None:
    email = email_address()
    first, second = flow.session(flow.log_in(email)), flow.session(flow.log_in(email))
    user = flow.api.get("/users", email=email).json()["user"]
    assert first["user_id"] == second["user_id"] == user["user_id"]
    assert (user["email"], user["preferred_language"], user["time_zone"]) == (email, "en", "Europe/Berlin")


def test_spellings_are_one_user_here_and_what_the_user_service_says_elsewhere(flow: LoginFlow) -> None:
    name = unique("pilot")
    spellings = [f"{name}@example.com", f"{name.upper()}@example.com"]
    logged_in = [flow.session(flow.log_in(email))["user_id"] for email in spellings]
    found = [flow.api.get("/users", email=email).json()["user"]["user_id"] for email in spellings]
    assert found == logged_in
    assert len(set(logged_in)) == (1 if flow.peer is None else 2)


def test_an_address_is_changed_here_only(flow: LoginFlow) -> None:
    user_id = flow.session(flow.log_in(email_address()))["user_id"]
    answer = flow.api.change_email(user_id, email_address())
    if flow.peer is None:
        assert answer.json()["outcome"] == "changed"
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "users_live_elsewhere")


def test_an_exact_repeat_gets_the_same_session(flow: LoginFlow) -> None:
    challenge_id, code = flow.send(email_address())
    key = client_public_key()
    first = flow.confirm(challenge_id, code, key)
    assert isinstance(first, Confirmed)
    assert flow.confirm(challenge_id, code, key) == first
    assert flow.confirm(challenge_id, code) is ConfirmRefusal.INVALID_CODE, "another key"


def test_a_wrong_code_makes_no_user(flow: LoginFlow) -> None:
    email = email_address()
    challenge_id, code = flow.send(email)
    assert flow.confirm(challenge_id, f"{(int(code) + 1) % 10**6:06}") is ConfirmRefusal.INVALID_CODE
    assert flow.api.get("/users", email=email).status_code == 404


@pytest.mark.parametrize("is_new", [True, False])
def test_a_user_blocked_in_the_directory_gets_403_and_nothing_changes(flow: LoginFlow, is_new: bool) -> None:
    email = email_address()
    if not is_new:
        flow.log_in(email)
    challenge_id, code = flow.send(email)
    flow.block_in_directory(email)
    before = state_of(flow, challenge_id)
    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert state_of(flow, challenge_id) == before
    assert flow.api.get("/users", email=email).status_code == (404 if is_new else 200)


def test_a_user_blocked_in_the_directory_is_sent_a_challenge_and_no_mail(flow: LoginFlow) -> None:
    email = email_address()
    flow.block_in_directory(email)
    flow.mailed()
    assert flow.send(email)[0]
    assert flow.mailed() == []


def test_a_free_address_is_mailed(flow: LoginFlow) -> None:
    email = email_address()
    flow.mailed()
    challenge_id, code = flow.send(email)
    assert [(letter.email, letter.code) for letter in flow.mailed()] == [(email, code)]
    assert isinstance(flow.confirm(challenge_id, code), Confirmed)


@pytest.mark.parametrize("kind", ["email", "user_id"])
def test_a_block_ordered_here_revokes_and_refuses_at_once_and_ends_here(flow: LoginFlow, kind: str) -> None:
    email = email_address()
    session = flow.session(flow.log_in(email))
    subject = {kind: email if kind == "email" else session["user_id"]}
    challenge_id, code = flow.send(email)
    blocked = flow.api.block(**subject).json()
    assert blocked["affected_device_session_ids"] == [session["device_session_id"]]
    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert flow.api.unblock(**subject).json()["outcome"] == "unblocked"
    assert isinstance(flow.confirm(challenge_id, code), Confirmed)


def test_a_user_whom_nobody_knows_cannot_be_blocked(flow: LoginFlow) -> None:
    for user_id in ("user-nobody", "nobody", "pilot@example.com", "a/b", "x" * 200):
        answer = flow.api.block(user_id=user_id)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "subject_not_found")
        assert flow.api.unblock(user_id=user_id).json()["outcome"] == "not_blocked"
    trail = flow.world.database.execute("select subject from audit_events where subject like $1", "%@%")
    assert trail == []


def state_of(flow: LoginFlow, challenge_id: str) -> tuple[object, ...]:
    (row,) = flow.world.database.execute(
        "select state, attempts, evaluated, (select count(*) from users) as users "
        "from challenges where challenge_id = $1",
        challenge_id,
    )
    return tuple(row.values())
