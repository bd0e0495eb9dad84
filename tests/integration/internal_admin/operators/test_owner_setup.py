"""Laws of the first owner (SPEC §10.1): one, claimed from a terminal, and nobody is ever locked out of claiming."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from contracts.strict_json import decode_object
from services.internal_admin.operator_sessions.domain import HeldSession, SessionClient
from services.internal_admin.operators.domain.argon2id import hash_text
from services.internal_admin.operators.domain.owner_setup import RegisterOwner
from services.internal_admin.operators.domain.password import PasswordOwner
from services.internal_admin.operators.setup_flow import remind_of_owner
from services.internal_admin.operators.store.setup import register_owner
from shared.io.postgres import Postgres
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_operator_id
from tests.support.control_plane import AUTH, PEER, ControlPlane, open_control_plane
from tests.support.internal_service import CHEAP
from tests.support.operator_accounts import (
    CALLER,
    NAME,
    PASSWORD,
    audited,
    forget_operators,
    fresh_owner,
    is_alive,
    opening,
    register,
    registration_token,
    setup_code,
)
from tests.support.public_flow import race
from tests.support.world import World

EXCHANGE = f"{AUTH}/bootstrap/exchange"


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as opened:
        yield opened


@pytest.fixture(autouse=True)
def ownerless(world: World) -> None:
    forget_operators(world)


def exchange(plane: ControlPlane, code: str) -> httpx.Response:
    return plane.post(EXCHANGE, {"setup_code": code})


def code_of(answer: httpx.Response) -> str:
    return answer.json()["error"]["code"]


def owner_count(world: World) -> int:
    return world.database.execute("select count(*) from operators where is_owner")[0][0]


def test_a_setup_code_becomes_a_registration_token_that_becomes_the_owner(world: World, plane: ControlPlane) -> None:
    exchanged = exchange(plane, setup_code(world).lower()).json()
    assert exchanged.keys() == {"registration_token", "expires_at"}
    left = datetime.fromisoformat(exchanged["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=29) < left <= timedelta(minutes=30)
    answer = register(plane, exchanged["registration_token"], user_name="Ada", email="ada@Example.com")
    body = answer.json()
    assert answer.status_code == 200
    assert body.keys() == {"session", "operator", "session_token", "recovery_codes"}
    assert len(set(body["recovery_codes"])) == 10
    assert body["operator"]["user_name"] == "ada"
    assert body["operator"]["is_owner"] is True
    assert is_alive(plane, body["session_token"])
    assert plane.get(f"{AUTH}/status").json()["has_owner"] is True
    (row,) = world.database.execute("select email from operators")
    assert row["email"] == "ada@example.com"
    assert audited(world, "register_owner")[-1] == ("registered", None, body["operator"]["operator_id"])


def test_a_setup_code_is_exchanged_once(world: World, plane: ControlPlane) -> None:
    code = setup_code(world)
    assert exchange(plane, code).status_code == 200
    assert code_of(exchange(plane, code)) == "invalid_credentials"
    assert audited(world, "exchange_setup_code")[-2:] == [
        ("exchanged", None, None),
        ("invalid_credentials", "wrong_setup_code", None),
    ]


def test_a_new_setup_code_ends_the_one_before_and_its_registration_token(world: World, plane: ControlPlane) -> None:
    first = setup_code(world)
    token = exchange(plane, first).json()["registration_token"]
    unused, last = setup_code(world), setup_code(world)
    assert exchange(plane, unused).status_code == 401
    assert register(plane, token).status_code == 401
    assert register(plane, exchange(plane, last).json()["registration_token"]).status_code == 200


def test_an_ended_code_is_refused_and_a_new_one_is_always_to_be_had(world: World, plane: ControlPlane) -> None:
    code = setup_code(world)
    world.travel(timedelta(minutes=15, seconds=1))
    assert exchange(plane, code).status_code == 401
    token = registration_token(world, plane)
    world.travel(timedelta(minutes=30, seconds=1))
    assert code_of(register(plane, token)) == "invalid_credentials"
    assert audited(world, "register_owner")[-1] == ("invalid_credentials", "wrong_registration_token", None)
    assert register(plane, registration_token(world, plane)).status_code == 200


@pytest.mark.parametrize("code", ["ABCD-EFGH-JKLM", "", "no code at all", "x" * 2000])
def test_a_code_that_was_never_issued_is_refused(world: World, plane: ControlPlane, code: str) -> None:
    setup_code(world)
    answer = exchange(plane, code)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_weak_passwords_cost_no_attempt_of_who_has_a_token(world: World, plane: ControlPlane) -> None:
    """Each refusal says the rule and its number. Without a good token three attempts an hour are all."""
    token = registration_token(world, plane)
    weak = {
        "short": "password too short: at least 12 characters",
        "x" * 257: "password too long: at most 256 characters",
        "only small letters": "password too simple: 3 of these 4: lower case, upper case, digits, other characters",
        f"I am {NAME} 12345": "password holds identity: without the user name and the e-mail address",
        "Password1234!": "password too common: not one of the 500 most common, nor one of those with digits or marks added",  # noqa: E501
        "aAbbbbbbbbbbbb1!": "password too predictable: at least 2.0 bits of entropy a character, so repeat fewer characters",  # noqa: E501
    }
    with open_control_plane(world, is_limited=True) as limited:
        told = {password: register(limited, token, password=password).json()["error"] for password in weak}
        assert {password: error["message"] for password, error in told.items()} == weak
        strangers = [register(limited, "no token", password="short").status_code for _ in range(3)]
        assert strangers == [401, 401, 401]
        assert register(limited, "no token", password="short").status_code == 429
        assert register(limited, token, password="short").status_code == 400
        assert register(limited, token).status_code == 429
    with open_control_plane(world, is_limited=True, peer="192.0.2.77") as elsewhere:
        for password in weak:
            assert register(elsewhere, token, password=password).status_code == 400
        assert register(elsewhere, token).status_code == 200


def test_a_weak_password_and_a_name_that_is_none_use_nothing_up(world: World, plane: ControlPlane) -> None:
    token = registration_token(world, plane)
    assert code_of(register(plane, token, password="Password1234!")) == "password_too_common"
    assert code_of(register(plane, token, password=f"I am {NAME} 12345")) == "password_holds_identity"
    assert audited(world, "register_owner")[-2:] == [
        ("password_too_common", None, None),
        ("password_holds_identity", None, None),
    ]
    for changes in ({"user_name": "no spaces"}, {"email": "nobody"}, {"password": "Control\x07 character 1"}):
        assert code_of(register(plane, token, **changes)) == "invalid_request"
    assert register(plane, token).status_code == 200


def test_whether_a_password_would_do_is_told_to_nobody_without_a_token(plane: ControlPlane) -> None:
    for token in (None, "x" * 43):
        assert code_of(register(plane, token, password="short")) == "invalid_credentials"


def test_with_an_owner_there_is_nothing_left_to_claim(world: World, plane: ControlPlane) -> None:
    fresh_owner(world, plane)
    for answer in (register(plane, "x" * 43), exchange(plane, "ABCD-EFGH-JKLM")):
        assert (answer.status_code, code_of(answer)) == (409, "owner_exists")
    assert audited(world, "register_owner")[-1] == ("owner_exists", None, None)
    assert owner_count(world) == 1


def test_this_machine_claims_without_a_code_only_where_it_is_trusted_to(world: World) -> None:
    def answered(peer: str, **changes: Any) -> int:
        headers = changes.pop("headers", {})
        with open_control_plane(world, peer=peer, **changes) as plane:
            body = {"user_name": NAME, "password": PASSWORD}
            return plane.post(f"{AUTH}/register-owner", body, headers=headers).status_code

    assert answered("127.0.0.1") == 401
    assert answered(PEER, allows_loopback_bootstrap=True) == 401
    forwarded = {"x-forwarded-for": "127.0.0.1"}
    assert answered("127.0.0.1", allows_loopback_bootstrap=True, headers=forwarded) == 401
    assert answered("127.0.0.1", allows_loopback_bootstrap=True) == 200


def claim(token: str | None, user_name: str) -> Callable[[Any], Any]:
    """The unit of work of `register-owner`, everything before it done."""
    entropy = SystemEntropy()
    command = RegisterOwner(
        token, token is not None, PasswordOwner(user_name, None), PASSWORD, SessionClient(PEER, None), CALLER
    )
    return partial(
        register_owner,
        command=command,
        operator_id=new_operator_id(SystemClock(), entropy),
        password_hash=hash_text(PASSWORD, CHEAP, entropy),
        code_hashes=("hash",),
        opening=opening(),
    )


@pytest.mark.parametrize("tokens", ["one", "none", "both"])
def test_of_any_number_of_claims_at_once_exactly_one_wins(
    world: World, plane: ControlPlane, wide_pool: Postgres, tokens: str
) -> None:
    """With one token, from this machine without any, and with both: 32 claims, three times."""
    for _ in range(3):
        forget_operators(world)
        token = registration_token(world, plane)
        given = {"one": [token], "none": [None], "both": [token, None]}[tokens] * 32
        claims = [partial(wide_pool.unit_of_work, claim(each, f"ada-{n}")) for n, each in enumerate(given[:32])]
        outcomes = world.call(race, *claims)
        assert Counter(isinstance(outcome, HeldSession) for outcome in outcomes) == {True: 1, False: 31}
        assert owner_count(world) == 1
        assert world.database.execute("select count(*) from operator_sessions")[0][0] == 1


def test_of_two_registration_tokens_only_the_last_claims_even_at_once(
    world: World, plane: ControlPlane, wide_pool: Postgres
) -> None:
    first, last = registration_token(world, plane), registration_token(world, plane)
    claims = [partial(wide_pool.unit_of_work, claim(token, f"ada-{n}")) for n, token in enumerate([first, last] * 16)]
    outcomes = world.call(race, *claims)
    assert not any(isinstance(outcome, HeldSession) for outcome in outcomes[::2])
    assert sum(isinstance(outcome, HeldSession) for outcome in outcomes) == 1


def test_of_many_exchanges_of_one_code_at_once_exactly_one_wins(world: World, plane: ControlPlane) -> None:
    code = setup_code(world)
    calls = [partial(plane._client.post, EXCHANGE, json={"setup_code": code}) for _ in range(8)]
    answers = world.call(race, *calls)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 7}


def test_a_second_owner_is_impossible_in_postgres_too(world: World, plane: ControlPlane) -> None:
    fresh_owner(world, plane)
    with pytest.raises(Exception, match="operators_one_owner"):
        plane.add_operator(is_owner=True)


@pytest.mark.parametrize("path", ["bootstrap/exchange", "register-owner"])
@pytest.mark.parametrize("body", [b"", b"[]", b'{"other":1}', b'{"setup_code":1,"user_name":2}'])
def test_a_malformed_request_is_refused_and_audited_as_nothing(
    world: World, plane: ControlPlane, path: str, body: bytes
) -> None:
    def count() -> int:
        return world.database.execute("select count(*) from audit_events")[0][0]

    before = count()
    sent = partial(plane._client.post, f"{AUTH}/{path}", content=body, headers={"content-type": "application/json"})
    answer = world.call(sent)
    assert answer.status_code == 400
    assert decode_object(answer.content)["error"]
    assert count() == before


def test_a_process_says_how_to_claim_the_owner_until_there_is_one(
    world: World, plane: ControlPlane, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world.call(remind_of_owner, world.internal)
    assert [record.message for record in caplog.records if "operator setup-code" in record.message]
    fresh_owner(world, plane)
    caplog.clear()
    world.call(remind_of_owner, world.internal)
    assert not [record.message for record in caplog.records if "operator setup-code" in record.message]
