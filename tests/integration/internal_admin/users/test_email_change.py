"""A user gets another address: sessions stay, and nobody gets in or out by it unseen (SPEC §4.2a)."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from services.internal_admin.users.domain import ChangeUserEmail, ChangeUserEmailOutcome, EmailChanged
from services.internal_admin.users.store import change_user_email
from services.public_auth.domain.confirm import ConfirmRefusal
from services.public_auth.store.confirm_challenge import SessionMade
from shared.io.postgres import Postgres
from shared.kernel.email_address import parse_email
from tests.support.builders import email_address, store_user, unique
from tests.support.control_plane import ControlPlane, open_control_plane
from tests.support.internal_api import gateway_keys
from tests.support.public_flow import PublicFlow, contender, race
from tests.support.trusted import CAUSE as UNIT_CAUSE
from tests.support.trusted import block_email, block_user
from tests.support.world import World

ROOT = "/api/v1/internal"
CAUSE = {"reason_code": "user_request", "actor": {"type": "user", "id": "user-1"}}
ROUNDS = 10


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world, gateway_keys=gateway_keys()) as opened:
        yield opened


@pytest.fixture
def flow(world: World) -> PublicFlow:
    return PublicFlow(world)


def log_in(flow: PublicFlow, email: str) -> SessionMade:
    challenge_id = flow.send(email)
    made = flow.confirm(challenge_id, flow.code(challenge_id))
    assert isinstance(made, SessionMade), made
    return made


def change(plane: ControlPlane, user_id: str, email: str, **headers: str) -> httpx.Response:
    return plane.call("PATCH", f"{ROOT}/users/{user_id}", CAUSE | {"email": email}, headers=headers)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def active(world: World, user_id: str) -> int:
    sql = "select count(*) from device_sessions where user_id = $1 and status = 'active'"
    return world.database.execute(sql, user_id)[0][0]


def changing(world: World, pool: Postgres, user_id: str, email: str) -> Any:
    """A trio function, for races."""
    command = ChangeUserEmail(user_id, parse_email(email), UNIT_CAUSE, users_live_elsewhere=False)
    return contender(pool, change_user_email, command)


def test_the_user_logs_in_by_the_new_address_and_keeps_the_sessions(
    world: World, plane: ControlPlane, flow: PublicFlow
) -> None:
    old, new = email_address(), email_address().title()
    user_id = log_in(flow, old).session.user_id

    for outcome in ("changed", "unchanged"):
        answer = change(plane, user_id, new)
        assert (answer.status_code, answer.json()) == (200, {"outcome": outcome, "user_id": user_id})

    assert log_in(flow, new.lower()).session.user_id == user_id
    assert active(world, user_id) == 2
    assert log_in(flow, old).session.user_id != user_id, "the old address is anybody's who reads its mail"
    rows = world.database.execute(
        "select outcome, details::text from audit_events where event = $1 and subject = $2 order by audit_id",
        "security.change_user_email",
        user_id,
    )
    assert [row["outcome"] for row in rows] == ["changed", "unchanged"]
    assert all("email-" in row["details"] and "@" not in row["details"] for row in rows[:1])


def test_a_code_of_the_old_address_ends_and_one_of_the_new_is_the_users(plane: ControlPlane, flow: PublicFlow) -> None:
    old, new = email_address(), email_address()
    user_id = log_in(flow, old).session.user_id
    to_old, to_new = flow.send(old), flow.send(new)
    code, new_code = flow.code(to_old), flow.code(to_new)
    change(plane, user_id, new)

    assert flow.confirm(to_old, code) is not ConfirmRefusal.BLOCKED_BY_POLICY
    assert not isinstance(flow.confirm(to_old, code), SessionMade)
    made = flow.confirm(to_new, new_code)
    assert isinstance(made, SessionMade)
    assert made.session.user_id == user_id


def test_another_users_address_is_refused_in_any_spelling(plane: ControlPlane, world: World) -> None:
    user, other = store_user(world.database), store_user(world.database)
    assert code_of(change(plane, user.user_id, other.email.upper())) == (409, "email_in_use")


def test_of_two_users_from_before_the_younger_can_only_move_away(plane: ControlPlane, world: World) -> None:
    older = store_user(world.database)
    younger = store_user(world.database, email=older.email.upper().replace("EXAMPLE.COM", "example.com"))
    assert code_of(change(plane, younger.user_id, older.email.title())) == (409, "email_in_use")
    assert change(plane, older.user_id, older.email.title()).json()["outcome"] == "changed"
    assert change(plane, younger.user_id, email_address()).json()["outcome"] == "changed"


def test_a_blocked_address_is_neither_taken_nor_left(plane: ControlPlane, world: World) -> None:
    user, blocked = store_user(world.database), email_address()
    world.call(block_email, world, blocked)
    assert code_of(change(plane, user.user_id, blocked)) == (409, "email_blocked")
    world.call(block_email, world, user.email)
    assert code_of(change(plane, user.user_id, email_address())) == (409, "email_blocked")


def test_a_block_of_the_new_address_racing_the_change_leaves_no_active_session(
    world: World, flow: PublicFlow, wide_pool: Postgres
) -> None:
    """Nor does a block of the user, which may have waited for the row of the address that is left."""
    for _ in range(ROUNDS):
        new = email_address()
        user_id = log_in(flow, email_address()).session.user_id
        move = changing(world, wide_pool, user_id, new)
        outcome, _ = world.call(race, move, partial(block_email, world, new))
        assert active(world, user_id) == (0 if isinstance(outcome, EmailChanged) else 1)

        user_id = log_in(flow, email_address()).session.user_id
        world.call(race, changing(world, wide_pool, user_id, email_address()), partial(block_user, world, user_id))
        assert active(world, user_id) == 0


def test_two_users_who_swap_or_want_one_address_at_once_never_share_it(world: World, wide_pool: Postgres) -> None:
    for _ in range(ROUNDS):
        one, two, wanted = store_user(world.database), store_user(world.database), email_address()
        movers = [(one, wanted), (two, wanted), (one, two.email), (two, one.email)]
        outcomes: list[ChangeUserEmailOutcome] = world.call(
            race, *(changing(world, wide_pool, user.user_id, email) for user, email in movers)
        )
        assert any(isinstance(outcome, EmailChanged) for outcome in outcomes)
        shared = "select email_id from users where user_id = any ($1) group by email_id having count(*) > 1"
        assert world.database.execute(shared, [one.user_id, two.user_id]) == []


def test_unknown_users_and_keys_are_answered_as_ever(plane: ControlPlane, world: World) -> None:
    assert code_of(change(plane, unique("user-nobody-"), email_address())) == (404, "subject_not_found")
    user, key = store_user(world.database), unique("key-")
    first = change(plane, user.user_id, email_address(), **{"idempotency-key": key})
    assert first.json()["outcome"] == "changed"
    assert code_of(change(plane, user.user_id, "nobody")) == (400, "invalid_request")


def test_all_users_are_listed_page_by_page(plane: ControlPlane, world: World) -> None:
    for _ in range(5):
        store_user(world.database)
    expected = [row[0] for row in world.database.execute("select user_id from users order by user_id desc")]
    seen: list[str] = []
    cursor = ""
    while True:
        page = plane.call("GET", f"{ROOT}/users?limit=3{cursor}").json()
        seen += [user["user_id"] for user in page["users"]]
        if "next_cursor" not in page:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == expected
