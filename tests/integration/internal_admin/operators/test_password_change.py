"""Laws of changing and recovering passwords, and of recovery codes (SPEC §10.4, §10.5)."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.internal_admin.callers.identity import Operator
from services.internal_admin.operator_sessions.domain import HeldSession
from services.internal_admin.operators.domain.login import InvalidCredentials
from services.internal_admin.operators.domain.password_change import ChangePassword, PasswordChanged
from services.internal_admin.operators.store import accounts
from shared.io.postgres import Postgres
from tests.support.control_plane import AUTH, PASSWORD_HASH_OF_NOBODY, ControlPlane, SignedIn, open_control_plane
from tests.support.operator_accounts import (
    CALLER,
    NAME,
    OTHER_PASSWORD,
    PASSWORD,
    RegisteredOwner,
    account_of,
    audited,
    fresh_owner,
    is_alive,
    log_in,
    opening,
)
from tests.support.public_flow import contender, race
from tests.support.world import World


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as opened:
        yield opened


@pytest.fixture
def owner(world: World, plane: ControlPlane) -> RegisteredOwner:
    return fresh_owner(world, plane)


def change(
    plane: ControlPlane, session_token: str, current: str = PASSWORD, new: str = OTHER_PASSWORD
) -> httpx.Response:
    body = {"current_password": current, "new_password": new}
    return plane.post(f"{AUTH}/password/change", body, token=session_token)


def recover(plane: ControlPlane, code: str, new: str = OTHER_PASSWORD, user_name: str = NAME) -> httpx.Response:
    body = {"user_name": user_name, "recovery_code": code, "new_password": new}
    return plane.post(f"{AUTH}/password/recover", body)


def regenerate(plane: ControlPlane, session_token: str, password: str = PASSWORD) -> httpx.Response:
    return plane.post(f"{AUTH}/recovery-codes/regenerate", {"current_password": password}, token=session_token)


def unused_codes(plane: ControlPlane, session_token: str) -> int:
    return plane.get(f"{AUTH}/recovery-codes", token=session_token).json()["unused_count"]


def code_of(answer: httpx.Response) -> str:
    return answer.json()["error"]["code"]


def api_token(world: World, plane: ControlPlane, owner: RegisteredOwner) -> str:
    """The id of a token that the owner made."""
    body = {"name": "ci", "scopes": ["sessions:read"]}
    answer = plane.post(f"{AUTH}/tokens", body, token=owner.session_token)
    assert answer.status_code == 200, answer.text
    return answer.json()["token"]["token_id"]


def revoke_reason(world: World, token_id: str) -> str | None:
    return world.database.execute("select revoke_reason_code from api_tokens where token_id = $1", token_id)[0][0]


def test_a_change_keeps_this_session_and_ends_the_others(
    world: World, plane: ControlPlane, owner: RegisteredOwner
) -> None:
    others = [log_in(plane).json()["session_token"] for _ in range(2)]
    token_id = api_token(world, plane, owner)
    answer = change(plane, owner.session_token)
    assert answer.json() == {"outcome": "changed", "revoked_session_count": 2}
    assert is_alive(plane, owner.session_token)
    assert not any(is_alive(plane, other) for other in others)
    assert log_in(plane).status_code == 401
    assert log_in(plane, OTHER_PASSWORD).status_code == 200
    assert revoke_reason(world, token_id) is None, "tokens stay"
    assert unused_codes(plane, owner.session_token) == 10
    assert audited(world, "change_password")[-1] == ("changed", None, owner.operator_id)


def test_a_session_left_open_is_not_enough_to_change_the_password(
    world: World, plane: ControlPlane, owner: RegisteredOwner
) -> None:
    assert code_of(change(plane, owner.session_token, current="Wrong horse 7 staple")) == "invalid_credentials"
    assert code_of(regenerate(plane, owner.session_token, "Wrong horse 7 staple")) == "invalid_credentials"
    for event in ("change_password", "regenerate_recovery_codes"):
        assert audited(world, event)[-1] == ("invalid_credentials", "wrong_password", owner.operator_id)
    assert is_alive(plane, owner.session_token)
    assert log_in(plane).status_code == 200, "and nobody was locked out by it"


def test_a_weak_new_password_changes_nothing(world: World, plane: ControlPlane, owner: RegisteredOwner) -> None:
    assert code_of(change(plane, owner.session_token, new="short")) == "password_too_short"
    assert (
        code_of(recover(plane, owner.recovery_codes[0], new=f"{NAME.title()} and 12 more")) == "password_holds_identity"
    )
    for event, outcome in (("change_password", "password_too_short"), ("recover_password", "password_holds_identity")):
        assert audited(world, event)[-1] == (outcome, None, owner.operator_id)
    assert log_in(plane).status_code == 200
    assert recover(plane, owner.recovery_codes[0]).status_code == 200, "the code was not used up"


def test_the_length_that_the_settings_ask_for_holds_at_once(
    world: World, plane: ControlPlane, owner: RegisteredOwner
) -> None:
    world.database.execute("update settings set operator_password_min_length = 40")
    try:
        assert code_of(change(plane, owner.session_token)) == "password_too_short"
    finally:
        world.database.execute("update settings set operator_password_min_length = 12")


def test_a_recovery_ends_every_session_token_and_lock_and_opens_a_session(
    world: World, plane: ControlPlane, owner: RegisteredOwner
) -> None:
    token_id = api_token(world, plane, owner)
    world.database.execute("update operators set failed_logins = 5, locked_until = clock_now() + interval '1 hour'")
    answer = recover(plane, owner.recovery_codes[3].upper().replace("-", ""))
    body = answer.json()
    assert answer.status_code == 200
    assert body.keys() == {"session", "operator", "session_token", "recovery_codes"}
    assert is_alive(plane, body["session_token"])
    assert not is_alive(plane, owner.session_token)
    assert revoke_reason(world, token_id) == "password_recovered"
    assert log_in(plane, OTHER_PASSWORD).status_code == 200
    assert log_in(plane).status_code == 401
    assert audited(world, "recover_password")[-1] == ("recovered", None, owner.operator_id)


def test_using_a_code_ends_the_rest_and_leaves_ten_new_ones(plane: ControlPlane, owner: RegisteredOwner) -> None:
    recovered = recover(plane, owner.recovery_codes[0]).json()
    assert all(code_of(recover(plane, code)) == "invalid_credentials" for code in owner.recovery_codes[:2])
    assert len(set(recovered["recovery_codes"]) - set(owner.recovery_codes)) == 10
    assert unused_codes(plane, recovered["session_token"]) == 10
    assert recover(plane, recovered["recovery_codes"][9]).status_code == 200


def test_every_refused_recovery_looks_alike(world: World, plane: ControlPlane, owner: RegisteredOwner) -> None:
    right = owner.recovery_codes[0]
    answers = [recover(plane, "aaaa-bbbb-cccc"), recover(plane, "no code"), recover(plane, right, user_name="nobody")]
    answers.append(recover(plane, right, new="short", user_name="nobody"))
    plane.disable(owner.operator_id)
    answers.append(recover(plane, right))
    assert {(answer.status_code, answer.content) for answer in answers} == {(401, answers[0].content)}
    whys = ["wrong_recovery_code", "wrong_recovery_code", "unknown_user_name", "unknown_user_name", "disabled"]
    assert [reason for _, reason, _ in audited(world, "recover_password")[-5:]] == whys


def test_new_codes_take_the_place_of_the_old_ones(world: World, plane: ControlPlane, owner: RegisteredOwner) -> None:
    codes = regenerate(plane, owner.session_token).json()["recovery_codes"]
    assert len(set(codes) - set(owner.recovery_codes)) == 10
    assert recover(plane, owner.recovery_codes[0]).status_code == 401
    assert recover(plane, codes[0]).status_code == 200
    assert audited(world, "regenerate_recovery_codes")[-1] == ("regenerated", None, owner.operator_id)


def test_codes_are_stored_as_argon2id_of_one_salt(world: World, owner: RegisteredOwner) -> None:
    hashes = account_of(world).recovery_code_hashes
    assert len(set(hashes)) == 10
    assert len({hashed.rpartition("$")[0] for hashed in hashes}) == 1
    assert hashes[0].startswith("$argon2id$")


def test_an_operator_without_codes_recovers_by_none(world: World, plane: ControlPlane, owner: RegisteredOwner) -> None:
    world.database.execute("update operators set recovery_code_hashes = '{}', recovery_codes_made_at = null")
    assert plane.get(f"{AUTH}/recovery-codes", token=owner.session_token).json() == {"unused_count": 0}
    assert recover(plane, "").status_code == 401


def recovery(world: World, pool: Postgres) -> Callable[[], Awaitable[Any]]:
    """A recovery whose code was right, at the point where it is written."""
    return contender(
        pool,
        accounts.recover_password,
        account=account_of(world),
        password_hash=PASSWORD_HASH_OF_NOBODY,
        code_hashes=[f"new {opening().operator_session_id}"],
        opening=opening(),
        caller=CALLER,
    )


def changing(world: World, pool: Postgres, session: SignedIn) -> Callable[[], Awaitable[Any]]:
    """A change whose current password was right, at the point where it is written."""
    command = ChangePassword(Operator(session.operator_id, session.operator_session_id), "", "", CALLER)
    return contender(pool, accounts.change_password, account_of(world), PASSWORD_HASH_OF_NOBODY, command)


def open_sessions(world: World) -> int:
    return world.database.execute("select count(*) from operator_sessions where revoked_at is null")[0][0]


def test_of_many_recoveries_at_once_exactly_one_succeeds(
    world: World, owner: RegisteredOwner, wide_pool: Postgres
) -> None:
    outcomes = world.call(race, *[recovery(world, wide_pool) for _ in range(32)])
    assert Counter(isinstance(outcome, HeldSession) for outcome in outcomes) == {True: 1, False: 31}
    assert open_sessions(world) == 1


@pytest.mark.parametrize("session_count", [1, 16])
def test_of_many_changes_at_once_exactly_one_succeeds(
    world: World, plane: ControlPlane, owner: RegisteredOwner, wide_pool: Postgres, session_count: int
) -> None:
    sessions = [plane.open_session(owner.operator_id) for _ in range(session_count)] * (16 // session_count)
    outcomes = world.call(race, *[changing(world, wide_pool, session) for session in sessions])
    assert Counter(isinstance(outcome, PasswordChanged) for outcome in outcomes) == {True: 1, False: 15}
    assert open_sessions(world) == 1


@pytest.mark.parametrize("end", ["revoked", "disabled"])
def test_an_operator_shut_out_while_the_password_was_hashed_changes_nothing(
    world: World, plane: ControlPlane, owner: RegisteredOwner, end: str
) -> None:
    session = plane.open_session(owner.operator_id)
    waiting = changing(world, world.internal, session)
    if end == "revoked":
        world.database.execute(
            "update operator_sessions set revoked_at = clock_now(), revoke_reason_code = 'x'"
            " where operator_session_id = $1",
            session.operator_session_id,
        )
    else:
        plane.disable(owner.operator_id)
    assert isinstance(world.call(waiting), InvalidCredentials)
    world.database.execute("update operators set disabled_at = null")
    assert log_in(plane).status_code == 200


def test_a_recovery_and_a_thief_who_changes_the_password_at_once_never_both_succeed(
    world: World, plane: ControlPlane, wide_pool: Postgres
) -> None:
    """Whichever is first, the thief's session is over after the recovery."""
    for _ in range(8):
        owner = fresh_owner(world, plane)
        thief = plane.open_session(owner.operator_id)
        recovered, changed = world.call(race, recovery(world, wide_pool), changing(world, wide_pool, thief))
        assert isinstance(recovered, HeldSession)
        assert isinstance(changed, PasswordChanged | InvalidCredentials)
        assert not is_alive(plane, thief.session_token)
        assert open_sessions(world) == 1


@pytest.mark.parametrize("path", ["recovery-codes/regenerate", "password/change"])
def test_without_a_session_nothing_is_changed(plane: ControlPlane, owner: RegisteredOwner, path: str) -> None:
    assert (
        plane.post(f"{AUTH}/{path}", {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}).status_code == 401
    )


def test_a_refusal_takes_its_time_and_a_success_does_not_wait(plane: ControlPlane, owner: RegisteredOwner) -> None:
    assert log_in(plane, "Wrong horse 7 staple").elapsed >= timedelta(milliseconds=300)
    assert min(log_in(plane).elapsed for _ in range(5)) < timedelta(milliseconds=300)
