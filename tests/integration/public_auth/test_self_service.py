"""The public half of self-service on real Postgres: whose call is taken, what is filed, and what answers it."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from contracts.signed_request import AUTHENTICATION_SCHEME
from shared.io.postgres import open_postgres
from shared.kernel.rate import Rate
from tests.support.builders import StoredUser, revoked_device_session, store_session, store_user, unique
from tests.support.self_service import (
    LIST,
    REVOKE_OTHERS,
    Call,
    Device,
    PublicSelfService,
    decide,
    name,
    open_public_self_service,
    revoke,
    stored_device,
)
from tests.support.world import World

UNKNOWN = "device-session-unknown"


@pytest.fixture(scope="module")
def service(world: World) -> Iterator[PublicSelfService]:
    with open_public_self_service(world) as served:
        yield served


@pytest.fixture(autouse=True)
def no_orders(world: World) -> None:
    world.database.execute("delete from session_orders")


@pytest.fixture
def user(world: World) -> StoredUser:
    return store_user(world.database)


@pytest.fixture
def device(world: World, user: StoredUser) -> Device:
    return stored_device(world.database, user)


@contextmanager
def carrying_out(world: World, outcome: str, count: int = 0) -> Generator[None]:
    """The internal half carries out one order meanwhile."""
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(decide(world.database, outcome, count))
        yield
        done.result()


def orders(world: World) -> list[Any]:
    return world.database.execute("select * from session_orders order by order_id")


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_device_sees_the_active_sessions_of_its_user_newest_first(
    service: PublicSelfService, world: World, user: StoredUser, device: Device
) -> None:
    database = world.database
    [row] = database.execute("select clock_now() as now")
    older = store_session(database, user, created_at=row["now"] - timedelta(days=2)).device_session_id
    store_session(database, user, created_at=row["now"] - timedelta(days=366))
    ended = revoked_device_session(revoked_at=row["now"])
    store_session(
        database, user, status="revoked", revoked_at=row["now"], revoke_reason_code="x", revoke_actor=ended.revoke_actor
    )
    store_session(database, store_user(database))
    database.execute("update device_sessions set label = 'Firefox on Linux' where device_session_id = $1", older)
    database.execute("insert into session_last_seen values ($1, $2)", older, date(2026, 4, 5))

    listed = service.call(device, LIST)

    assert listed.status_code == 200
    first, second = listed.json()["device_sessions"]
    assert first | {"created_at": ""} == {
        "device_session_id": device.device_session_id, "created_at": "", "is_current": True
    }  # fmt: skip
    assert second | {"created_at": ""} == {
        "device_session_id": older, "label": "Firefox on Linux", "created_at": "", "last_seen_on": "2026-04-05",
        "is_current": False,
    }  # fmt: skip


def test_a_long_list_has_the_newest_sessions_and_the_asking_one(
    service: PublicSelfService, world: World, user: StoredUser, device: Device
) -> None:
    world.database.execute(
        "insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id, "
        "created_at) select 'device-session-' || $1 || i, $1, decode(repeat('01', 32), 'hex'), gen_random_uuid(), "
        "'challenge-' || $1 || i, clock_now() + i * interval '1 ms' from generate_series(1, 201) i",
        user.user_id,
    )
    listed = [each["device_session_id"] for each in service.call(device, LIST).json()["device_sessions"]]
    newest = [f"device-session-{user.user_id}{i}" for i in range(201, 2, -1)]
    assert listed == [*newest, device.device_session_id]


@pytest.mark.parametrize(
    ("call", "outcome", "count", "answer"),
    [
        (revoke("device-session-1"), "revoked", 1, {"outcome": "revoked", "device_session_id": "device-session-1"}),
        (
            revoke("device-session-1"), "already_revoked", 0,
            {"outcome": "already_revoked", "device_session_id": "device-session-1"},
        ),
        (REVOKE_OTHERS, "revoked", 3, {"outcome": "revoked", "affected_session_count": 3}),
        (REVOKE_OTHERS, "no_active_sessions", 0, {"outcome": "no_active_sessions", "affected_session_count": 0}),
        (name("Firefox"), "named", 0, {"outcome": "named", "label": "Firefox"}),
    ],
)  # fmt: skip
def test_an_order_is_filed_with_its_proof_and_its_outcome_answers_it(
    service: PublicSelfService, world: World, device: Device, call: Call, outcome: str, count: int, answer: Any
) -> None:
    signed = device.sign(call)
    with carrying_out(world, outcome, count):
        answered = service.send(signed)

    assert answered.status_code == 200
    assert answered.json() == ({"device_session_id": device.device_session_id} if outcome == "named" else {}) | answer
    [order] = orders(world)
    envelope = signed.envelope
    assert (order["device_session_id"], order["request_id"]) == (device.device_session_id, envelope.request_id)
    assert (order["message_type"], order["body"]) == (f"{call[0]} {call[1]}", call[2])
    assert (order["timestamp_ms"], order["signature"]) == (envelope.timestamp_ms, envelope.signature)
    assert (order["token_hash"], order["everything"]) == (None, None)


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        ("session_not_found", 404, "session_not_found"),
        ("session_revoked", 401, "session_revoked"),
        ("timestamp_out_of_window", 401, "timestamp_out_of_window"),
        ("refused", 401, "invalid_signature"),
    ],
)
def test_an_order_that_was_not_carried_out_is_answered_by_its_reason(
    service: PublicSelfService, world: World, device: Device, outcome: str, status: int, code: str
) -> None:
    with carrying_out(world, outcome):
        assert refused(service.call(device, revoke(UNKNOWN))) == (status, code)


def test_an_outcome_that_only_a_newer_internal_process_knows_is_503_and_stops_nothing(
    service: PublicSelfService, world: World, device: Device
) -> None:
    """While a new release is rolled out, both processes need not be of one release."""
    with carrying_out(world, "put_off"):
        assert refused(service.call(device, name("Phone"))) == (503, "service_unavailable")
    with carrying_out(world, "named"):
        assert service.call(device, name("Phone")).status_code == 200


def test_without_the_internal_process_the_answer_is_503_and_the_order_stands(
    service: PublicSelfService, world: World, device: Device
) -> None:
    signed = device.sign(revoke(device.device_session_id))
    with open_public_self_service(world, patience=timedelta(seconds=0.2)) as impatient:
        answer = impatient.send(signed)
    assert refused(answer) == (503, "service_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert len(orders(world)) == 1

    with carrying_out(world, "revoked", 1):
        assert service.send(signed).json()["outcome"] == "revoked"
    assert len(orders(world)) == 1


def test_an_exact_repeat_is_answered_also_when_the_session_has_ended_and_the_time_is_over(
    service: PublicSelfService, world: World, device: Device
) -> None:
    signed = device.sign(revoke(device.device_session_id), age=300)
    world.database.execute(
        "insert into session_orders (device_session_id, request_id, message_type, timestamp_ms, body, signature, "
        "network, http_request_id, received_at, outcome, session_count, decided_at, published_at) "
        "values ($1, $2, $3, $4, '', $5, '192.0.2.1', 'r', now(), 'revoked', 1, now(), now())",
        device.device_session_id,
        signed.envelope.request_id,
        f"{signed.method} {signed.target}",
        signed.envelope.timestamp_ms,
        signed.envelope.signature,
    )
    end(world, device)

    again = service.send(signed)

    assert again.json() == {"outcome": "revoked", "device_session_id": device.device_session_id}
    assert len(orders(world)) == 1
    assert refused(service.call(device, revoke(device.device_session_id))) == (401, "session_revoked")
    assert refused(service.call(device, LIST)) == (401, "session_revoked")


def test_a_request_id_is_good_for_one_order(service: PublicSelfService, world: World, device: Device) -> None:
    with carrying_out(world, "named"):
        service.send(device.sign(name("one"), request_id="request-same"))
    other = device.sign(name("two"), request_id="request-same")
    assert refused(service.send(other)) == (401, "request_replayed")
    assert len(orders(world)) == 1


def test_a_captured_order_is_no_proof_of_anything_else(
    service: PublicSelfService, world: World, user: StoredUser, device: Device
) -> None:
    """Under another id, another request id, another time, another method or another body it is refused."""
    twin = stored_device(world.database, user)
    signed, envelope = device.sign(name("mine")), device.sign(name("mine")).envelope
    bent = [
        replace(signed, envelope=replace(envelope, device_session_id=twin.device_session_id)),
        replace(signed, envelope=replace(envelope, request_id="request-other")),
        replace(signed, envelope=replace(envelope, timestamp_ms=envelope.timestamp_ms + 1)),
        replace(signed, method="GET", target=LIST[1], body=b"", envelope=device.sign(REVOKE_OTHERS).envelope),
        replace(signed, method="DELETE", target=revoke(twin.device_session_id)[1], body=b"",
                envelope=device.sign(revoke(UNKNOWN)).envelope),
    ]  # fmt: skip
    assert {refused(service.send(each)) for each in bent} == {(401, "invalid_signature")}
    assert refused(service.send(replace(signed, body=b'{"label":"yours"}'))) == (401, "payload_hash_mismatch")
    assert orders(world) == []


@pytest.mark.parametrize("age", [-31.0, 31.0])
def test_a_time_that_is_more_than_30_seconds_off_is_refused(
    service: PublicSelfService, world: World, device: Device, age: float
) -> None:
    answer = service.send(device.sign(REVOKE_OTHERS, age=age))
    assert refused(answer) == (401, "timestamp_out_of_window")
    assert answer.headers["www-authenticate"] == AUTHENTICATION_SCHEME
    assert orders(world) == []


def test_a_session_past_its_age_counts_as_ended(service: PublicSelfService, world: World, user: StoredUser) -> None:
    [row] = world.database.execute("select clock_now() - session_max_age as at from settings")
    old = stored_device(world.database, user, created_at=row["at"])
    assert refused(service.call(old, LIST)) == (401, "session_revoked")


def test_an_unknown_session_and_that_of_an_agent_are_unknown(service: PublicSelfService, world: World) -> None:
    agent = Device(unique("device-session-"))
    agent_id = store_user(world.database, user_id="agent-" + "0" * 26).user_id
    world.database.execute(
        "insert into device_sessions (device_session_id, user_id, client_public_key, created_at) "
        "values ($1, $2, $3, clock_now())",
        agent.device_session_id,
        agent_id,
        agent.client_public_key.raw,
    )
    for stranger in (Device(unique("device-session-")), agent):
        assert refused(service.call(stranger, REVOKE_OTHERS)) == (401, "session_unknown")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "unsupported_protocol_version"),
        ({"galaxy-protocol-version": "v2"}, "unsupported_protocol_version"),
        ({"galaxy-protocol-version": "v1"}, "invalid_envelope"),
    ],
)
def test_headers_that_are_no_envelope_are_refused_first(
    service: PublicSelfService, world: World, headers: dict[str, str], code: str
) -> None:
    for method, target, _ in (LIST, REVOKE_OTHERS, revoke(UNKNOWN), name("x")):
        answer = world.call(service.raw, method, target, headers)
        assert refused(answer) == (400, code)


def test_a_query_and_another_spelling_are_no_order(service: PublicSelfService, device: Device) -> None:
    assert refused(service.call(device, ("GET", LIST[1] + "?user_id=1", b""))) == (400, "invalid_request")
    assert refused(service.call(device, ("POST", REVOKE_OTHERS[1] + "?all=1", b""))) == (400, "invalid_request")
    spelled = revoke(device.device_session_id.replace("-", "%2D"))
    assert refused(service.call(device, spelled)) == (404, "session_not_found")


def test_many_exact_repeats_at_once_are_one_order(world: World, user: StoredUser) -> None:
    device = stored_device(world.database, user)
    pool = world.enter(open_postgres, world.database.public_dsn, application_name="repeats", pool_size=20)
    with open_public_self_service(world, postgres=pool, patience=timedelta(seconds=5)) as service:
        signed = device.sign(REVOKE_OTHERS)
        with carrying_out(world, "revoked", 2), ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(service.send, [signed] * 20))
    assert {answer.content for answer in answers} == {b'{"outcome":"revoked","affected_session_count":2}'}
    assert len(orders(world)) == 1


def test_only_proved_calls_use_up_the_rate_of_a_session(world: World, device: Device) -> None:
    with open_public_self_service(world, Rate(2, timedelta(minutes=1))) as service:
        forged = Device(device.device_session_id)
        assert {refused(service.call(forged, LIST)) for _ in range(5)} == {(401, "invalid_signature")}
        assert [service.call(device, LIST).status_code for _ in range(3)] == [200, 200, 429]


def end(world: World, device: Device) -> None:
    world.database.execute(
        "update device_sessions set status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'user_logout', "
        "revoke_actor_type = 'user' where device_session_id = $1",
        device.device_session_id,
    )
