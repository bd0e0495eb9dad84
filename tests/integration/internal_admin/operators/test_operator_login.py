"""Laws of operators' log-ins (SPEC §10.6): what they tell, what they cost, and what an attacker cannot do with them."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import httpx
import pytest

from services.internal_admin.operator_sessions.domain import SessionClient
from services.internal_admin.operators.domain.argon2id import Argon2Cost, cost_of, hash_text
from services.internal_admin.operators.domain.login import InvalidCredentials, Lockout, LoggedIn, LogIn
from services.internal_admin.operators.flow import AccountFlow
from services.internal_admin.operators.flow import log_in as log_in_flow
from services.internal_admin.operators.hashing import PasswordHasher
from services.internal_admin.operators.store import accounts
from shared.io.postgres import P, Postgres, T, Unit
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.web import rate_limit
from tests.support.control_plane import AUTH, PEER, ControlPlane, open_control_plane
from tests.support.internal_service import CHEAP
from tests.support.operator_accounts import (
    CALLER,
    NAME,
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

LOCKOUT = Lockout(5, timedelta(minutes=15))
WRONG = "Wrong horse 7 staple"


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as opened:
        yield opened


@pytest.fixture
def owner(world: World, plane: ControlPlane) -> RegisteredOwner:
    return fresh_owner(world, plane)


def failed_logins(world: World) -> int:
    return world.database.execute("select failed_logins from operators")[0][0]


def lock(world: World) -> None:
    world.database.execute("update operators set failed_logins = 5, locked_until = clock_now() + interval '15 minutes'")


def test_the_right_password_opens_a_session_under_any_case_of_the_name(
    world: World, plane: ControlPlane, owner: RegisteredOwner
) -> None:
    for name in (NAME, f" {NAME.upper()} "):
        answer = log_in(plane, user_name=name)
        assert answer.status_code == 200
        assert answer.json().keys() == {"session", "operator", "session_token"}
        assert is_alive(plane, answer.json()["session_token"])
    assert audited(world, "log_in")[-1] == ("logged_in", None, owner.operator_id)


def test_a_password_is_the_same_from_every_keyboard(plane: ControlPlane, owner: RegisteredOwner) -> None:
    assert log_in(plane, PASSWORD.replace(" ", "\u00a0")).status_code == 200


def seen_by_caller(answer: httpx.Response) -> tuple[Any, ...]:
    """All of it but the request's own id."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "date")}
    return answer.status_code, answer.content, headers


def test_every_refusal_looks_alike_and_only_the_trail_says_why(
    world: World, plane: ControlPlane, owner: RegisteredOwner
) -> None:
    seen = [log_in(plane, user_name="nobody"), log_in(plane, WRONG), log_in(plane, user_name="no name \ufffd" * 50)]
    lock(world)
    seen += [log_in(plane), log_in(plane, WRONG)]
    plane.disable(owner.operator_id)
    seen += [log_in(plane), log_in(plane, WRONG)]
    assert len({str(seen_by_caller(answer)) for answer in seen}) == 1
    assert seen[0].json()["error"] == {"code": "invalid_credentials", "message": "invalid credentials"}
    assert seen[0].headers["www-authenticate"] == "Bearer"
    whys = ["unknown_user_name", "wrong_password", "unknown_user_name", "locked", "locked", "disabled", "disabled"]
    assert [(outcome, reason) for outcome, reason, _ in audited(world, "log_in")[-7:]] == [
        ("invalid_credentials", why) for why in whys
    ]


def test_a_typed_name_is_written_nowhere(world: World, plane: ControlPlane, owner: RegisteredOwner) -> None:
    """A person who mistakes the fields types a password there."""
    log_in(plane, user_name="hunter2-of-grandmother")
    rows = world.database.execute("select audit_events::text as row from audit_events")
    assert not [row for row in rows if "hunter2" in row["row"].lower()]


class Overheard:
    """A pool whose units of work are overheard: the name of each statement, in order."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self.statements: list[str] = []

    async def unit_of_work(self, function: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        async def overheard(connection: asyncpg.Connection) -> T:
            with connection.query_logger(lambda record: self.statements.append(record.query.splitlines()[0])):
                return await function(connection, *args, **kwargs)

        return await self._postgres.unit_of_work(overheard)


class CountedHasher(PasswordHasher):
    """Counts its computations."""

    computations = 0

    async def _run(self, work: Callable[[], T]) -> T:
        self.computations += 1
        return await super()._run(work)


def work_of(world: World, user_name: str, password: str) -> tuple[list[str], int]:
    """The statements and the hashes that a log-in takes."""
    entropy, postgres = SystemEntropy(), Overheard(world.internal)
    hasher = CountedHasher(entropy, CHEAP)
    flow = AccountFlow(postgres, hasher, SystemClock(), entropy, LOCKOUT, timedelta(days=7))  # pyright: ignore[reportArgumentType]
    command = LogIn(user_name, password, SessionClient(PEER, None), CALLER)
    assert isinstance(world.call(log_in_flow, command, flow), InvalidCredentials)
    return postgres.statements, hasher.computations


def test_every_refusal_is_the_same_work(world: World, plane: ControlPlane, owner: RegisteredOwner) -> None:
    works = [work_of(world, "nobody", PASSWORD), work_of(world, NAME, WRONG)]
    lock(world)
    works += [work_of(world, NAME, PASSWORD), work_of(world, NAME, WRONG)]
    plane.disable(owner.operator_id)
    works += [work_of(world, NAME, PASSWORD), work_of(world, NAME, WRONG)]
    assert works == works[:1] * 6
    statements, computations = works[0]
    assert computations == 1
    assert [name for name in statements if name.startswith("-- ")] == [
        "-- read_account", "-- lock_account", "-- write_login", "-- insert_audit_event"
    ]  # fmt: skip


def test_five_wrong_passwords_lock_and_the_right_one_is_taken_when_the_lock_ends(
    world: World, plane: ControlPlane, owner: RegisteredOwner
) -> None:
    for _ in range(5):
        assert log_in(plane, WRONG).status_code == 401
    assert log_in(plane).status_code == 401
    assert is_alive(plane, owner.session_token), "a lockout never ends a session"
    world.travel(timedelta(minutes=14, seconds=50))
    assert log_in(plane).status_code == 401
    world.travel(timedelta(seconds=11))
    assert log_in(plane).status_code == 200
    assert failed_logins(world) == 0


def guess(world: World, pool: Postgres, *, is_right: bool) -> Callable[[], Awaitable[Any]]:
    """A log-in whose password was compared, at the point where it is decided."""
    judged = accounts.JudgedLogIn(account_of(world), is_right, None, opening(), CALLER)
    return contender(pool, accounts.log_in, judged, lockout=LOCKOUT)


def test_of_a_hundred_wrong_guesses_at_once_exactly_five_count(
    world: World, owner: RegisteredOwner, wide_pool: Postgres
) -> None:
    outcomes = world.call(race, *[guess(world, wide_pool, is_right=False) for _ in range(100)])
    assert Counter(outcome.fault for outcome in outcomes) == {"wrong_password": 5, "locked": 95}
    assert failed_logins(world) == 5
    assert world.call(guess(world, wide_pool, is_right=True)) == InvalidCredentials("locked")
    world.travel(timedelta(minutes=15, seconds=1))
    assert isinstance(world.call(guess(world, world.internal, is_right=True)), LoggedIn)


def test_a_right_guess_among_many_is_heard_only_before_the_fifth_wrong_one(
    world: World, owner: RegisteredOwner, wide_pool: Postgres
) -> None:
    """So parallel guesses are worth no more than guesses in a row, wherever the right one stands."""
    for place in (0, 16, 33):
        world.database.execute("update operators set failed_logins = 0, locked_until = null")
        guesses = [guess(world, wide_pool, is_right=number == place) for number in range(34)]
        outcomes = world.call(race, *guesses)
        is_in = isinstance(outcomes[place], LoggedIn)
        wrong = sum(outcome == InvalidCredentials("wrong_password") for outcome in outcomes)
        assert wrong == 5 if not is_in else 5 <= wrong <= 9  # success forgets the wrong ones before it: at most 4


def test_parallel_guesses_over_http_count_exactly_too(
    world: World, plane: ControlPlane, owner: RegisteredOwner
) -> None:
    body = {"user_name": NAME, "password": WRONG}
    calls = [partial(plane._client.post, f"{AUTH}/login", json=body) for _ in range(20)]
    assert {answer.status_code for answer in world.call(race, *calls)} == {401}
    assert failed_logins(world) == 5
    assert Counter(reason for _, reason, _ in audited(world, "log_in")[-20:]) == {"wrong_password": 5, "locked": 15}


def test_a_log_in_renews_a_hash_of_another_cost(world: World, plane: ControlPlane, owner: RegisteredOwner) -> None:
    old = hash_text(PASSWORD, Argon2Cost(memory_kibibytes=16, passes=2), SystemEntropy())
    world.database.execute("update operators set password_hash = $1", old)
    assert log_in(plane, WRONG).status_code == 401
    assert account_of(world).password_hash == old
    assert log_in(plane).status_code == 200
    assert cost_of(account_of(world).password_hash) == CHEAP
    assert log_in(plane).status_code == 200


def test_a_password_that_was_changed_while_it_was_hashed_lets_nobody_in(world: World, owner: RegisteredOwner) -> None:
    waiting = guess(world, world.internal, is_right=True)
    world.database.execute("update operators set password_changed_at = clock_now()")
    assert world.call(waiting) == InvalidCredentials("changed_meanwhile")
    assert failed_logins(world) == 0


def test_an_operator_disabled_while_the_password_was_hashed_is_not_let_in(
    world: World, plane: ControlPlane, owner: RegisteredOwner
) -> None:
    waiting = guess(world, world.internal, is_right=True)
    plane.disable(owner.operator_id)
    assert world.call(waiting) == InvalidCredentials("disabled")


def test_a_cookie_in_plain_text_is_refused_before_anything_is_done(
    world: World, plane: ControlPlane, owner: RegisteredOwner
) -> None:
    count = len(audited(world, "log_in"))
    body = {"user_name": NAME, "password": PASSWORD, "transport": "cookie"}
    answer = plane.post(f"{AUTH}/login", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "insecure_transport")
    assert len(audited(world, "log_in")) == count


LIMITS = {
    "login": (5, {"user_name": "nobody", "password": "x"}),
    "password/recover": (5, {"user_name": "nobody", "recovery_code": "x", "new_password": "x"}),
    "password/change": (10, {"current_password": "x", "new_password": "x"}),
    "register-owner": (3, {"user_name": "nobody", "password": "x"}),
    "recovery-codes/regenerate": (3, {"current_password": "x"}),
    "bootstrap/exchange": (10, {"setup_code": "x"}),
}


def test_each_route_has_its_limit_per_network(
    world: World, owner: RegisteredOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis counts, however busy the machine is: the hashes of so many calls at once may take its half second."""
    monkeypatch.setattr(rate_limit, "_PATIENCE_SECONDS", 30.0)
    with open_control_plane(world, is_limited=True) as limited:
        headers = {"authorization": f"Bearer {owner.session_token}"}
        calls = [
            partial(limited._client.post, f"{AUTH}/{path}", json=body, headers=headers)
            for path, (limit, body) in LIMITS.items()
            for _ in range(limit + 1)
        ]
        answers = world.call(race, *calls)
    refused = Counter(answer.url.path.removeprefix(f"{AUTH}/") for answer in answers if answer.status_code == 429)
    assert refused == dict.fromkeys(LIMITS, 1)
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status_code == 429)
