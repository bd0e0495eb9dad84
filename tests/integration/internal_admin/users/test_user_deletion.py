"""A user is erased: sessions end, address and personal rows go, ids stay in the audit trail."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from services.internal_admin.changes.domain import NOTHING
from services.internal_admin.users.domain import DeleteUser
from services.internal_admin.users.store import delete_user
from services.public_auth.domain.confirm import ConfirmRefusal
from services.public_auth.store.confirm_challenge import SessionMade
from shared.kernel.device_session import DeviceSession
from tests.support.builders import email_address, store_user, unique
from tests.support.control_plane import ControlPlane, open_control_plane
from tests.support.database import Database
from tests.support.internal_api import gateway_keys
from tests.support.interruption import InterruptedPostgres, elsewhere
from tests.support.public_flow import CODES_BY_SPELLING, PublicFlow, contender, race
from tests.support.session_orders import REVOKE_OTHERS, file_signed, file_token, new_device, revoke, store_notice
from tests.support.trusted import CAUSE as UNIT_CAUSE
from tests.support.trusted import block_email, block_user
from tests.support.world import World

ROOT = "/api/v1/internal"
CAUSE = {"reason_code": "erasure_request", "actor": {"type": "admin", "id": "admin-1"}}
TABLES = (
    "emails", "users", "challenges", "login_codes", "mail_deliveries", "known_networks", "idempotency_keys",
    "session_orders", "session_notices", "letters",
)  # fmt: skip


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world, gateway_keys=gateway_keys()) as opened:
        yield opened


@pytest.fixture
def flow(world: World) -> PublicFlow:
    return PublicFlow(world)


@pytest.fixture
def email() -> str:
    return email_address()


def log_in(flow: PublicFlow, email: str) -> DeviceSession:
    challenge_id = flow.send(email)
    made = flow.confirm(challenge_id, flow.code(challenge_id))
    assert isinstance(made, SessionMade)
    return made.session


def delete(plane: ControlPlane, user_id: str, **headers: str) -> httpx.Response:
    return plane.call("DELETE", f"{ROOT}/users/{user_id}", CAUSE, headers=headers)


def mentions(database: Database, text: str) -> Counter[str]:
    """Rows with the text anywhere, also in bytes, of each table that holds addresses; and of the audit trail."""
    return Counter({
        table: count
        for table in (*TABLES, "audit_events", "device_sessions", "blocks", "settings_changes")
        for count in [
            database.execute(
                f"select count(*) from {table} t where position($1 in t::text) > 0 or position($2 in t::text) > 0",
                text,
                text.encode().hex(),
            )[0]["count"]
        ]
        if count
    })  # fmt: skip


def test_sessions_end_and_nothing_holds_the_address_any_more(
    plane: ControlPlane, flow: PublicFlow, database: Database, email: str
) -> None:
    sessions = [log_in(flow, email).device_session_id for _ in range(2)]
    user_id = log_in(flow, email).user_id
    flow.send(email, "192.0.2.99")
    body = CAUSE | {"email": email}
    for path in ("/user-blocks", "/user-blocks/remove"):
        plane.post(ROOT + path, body, headers={"idempotency-key": unique("key-")})
    sessions.append(log_in(flow, email).device_session_id)
    assert mentions(database, email).keys() >= {"emails", "users", "challenges", "login_codes", "idempotency_keys"}

    answer = delete(plane, user_id)

    assert answer.status_code == 200
    assert answer.json() == {
        "outcome": "deleted",
        "user_id": user_id,
        "affected_session_count": 1,
        "affected_device_session_ids": sessions[-1:],
        "address_kept_for_block": False,
    }
    assert mentions(database, email) == Counter()
    email_id = "select count(*) from {} where email_id not in (select email_id from emails)"
    assert database.execute(email_id.format("known_networks"))[0]["count"] == 0
    for session_id in sessions:
        assert plane.get(f"{ROOT}/sessions/{session_id}").json()["session"]["status"] == "revoked"


def test_nothing_of_self_service_is_left(
    world: World, plane: ControlPlane, flow: PublicFlow, database: Database, email: str
) -> None:
    """Neither orders of the user's devices or notices, nor notices, nor the names of devices. Those of others stay."""
    device = new_device(world, store_user(database, email=email))
    stranger = new_device(world)
    for each, token in ((device, b"mine"), (stranger, b"theirs")):
        database.execute("update device_sessions set label = 'Phone' where device_session_id = $1", each.id)
        store_notice(world, each, token)
        file_signed(world, each, REVOKE_OTHERS)
        file_signed(world, each, revoke(each))
        file_token(world, token)

    assert delete(plane, device.user.user_id).status_code == 200

    (row,) = database.execute("select * from device_sessions where device_session_id = $1", device.id)
    assert (row["status"], row["label"]) == ("revoked", None)
    counts = "select (select count(*) from session_orders) as orders, (select count(*) from session_notices) as notices"
    (left,) = database.execute(counts)
    assert (left["orders"], left["notices"]) == (3, 1)
    assert mentions(database, device.id).keys() <= {"audit_events", "device_sessions"}


def test_unconfirmed_sends_in_other_letters_go_too(
    plane: ControlPlane, flow: PublicFlow, database: Database, email: str
) -> None:
    in_other_letters = email[0].swapcase() + email[1:]
    flow.send(in_other_letters, "192.0.2.99")
    user_id = log_in(flow, email).user_id
    assert mentions(database, in_other_letters)
    assert delete(plane, user_id).status_code == 200
    assert mentions(database, in_other_letters) == Counter()


def test_answers_kept_for_a_longer_address_stay(
    plane: ControlPlane, flow: PublicFlow, database: Database, email: str
) -> None:
    user_id, longer = log_in(flow, email).user_id, f"x{email}"
    plane.post(f"{ROOT}/user-blocks", CAUSE | {"email": longer}, headers={"idempotency-key": unique("key-")})
    assert delete(plane, user_id).status_code == 200
    assert mentions(database, longer)["idempotency_keys"] == 1


def test_the_trail_keeps_ids_and_revoked_sessions_still_answer(
    plane: ControlPlane, flow: PublicFlow, database: Database, email: str
) -> None:
    session = log_in(flow, email)
    delete(plane, session.user_id)

    (row,) = database.execute("select * from audit_events where event = 'security.delete_user' and subject = $1",
                              session.user_id)  # fmt: skip
    assert (row["outcome"], row["caller"], row["actor_id"], row["reason_code"]) == (
        "deleted",
        "trusted_network",
        "admin-1",
        "erasure_request",
    )
    again = plane.post(f"{ROOT}/sessions/{session.device_session_id}/revoke", CAUSE)
    assert (again.status_code, again.json()["outcome"]) == (200, "already_revoked")
    assert len(plane.get(f"{ROOT}/users/{session.user_id}/sessions").json()["sessions"]) == 1
    unknown = plane.post(f"{ROOT}/sessions/{unique('device-session-nobody-')}/revoke", CAUSE)
    assert unknown.json()["error"]["code"] == "session_not_found"


def test_a_repeat_finds_nobody_and_under_a_key_is_told_the_same(
    plane: ControlPlane, flow: PublicFlow, email: str
) -> None:
    user_id, key = log_in(flow, email).user_id, unique("key-")
    first = delete(plane, user_id, **{"idempotency-key": key})
    assert delete(plane, user_id, **{"idempotency-key": key}).content == first.content
    assert delete(plane, user_id).json()["error"]["code"] == "subject_not_found"
    assert delete(plane, user_id).status_code == 404


def test_a_later_login_makes_another_user(plane: ControlPlane, flow: PublicFlow, email: str) -> None:
    first = log_in(flow, email)
    delete(plane, first.user_id)
    second = log_in(flow, email)
    assert second.user_id != first.user_id
    assert plane.get(f"{ROOT}/users", email=email).json()["user"]["user_id"] == second.user_id


def test_a_block_on_the_address_stays_with_it_and_the_answer_says_so(
    plane: ControlPlane, flow: PublicFlow, world: World, database: Database, email: str
) -> None:
    user_id = log_in(flow, email).user_id
    world.call(block_email, world, email)

    answer = delete(plane, user_id)

    assert (answer.json()["outcome"], answer.json()["address_kept_for_block"]) == ("deleted", True)
    assert mentions(database, email) == Counter(emails=1)
    flow.send(email)
    assert flow.decisions[-1] == "blocked"


def test_a_block_on_the_user_stays_without_the_address(
    plane: ControlPlane, flow: PublicFlow, world: World, database: Database, email: str
) -> None:
    user_id = log_in(flow, email).user_id
    world.call(block_user, world, user_id)
    assert delete(plane, user_id).json()["address_kept_for_block"] is False
    assert mentions(database, email) == Counter()
    assert database.execute("select count(*) from blocks where user_id = $1", user_id)[0]["count"] == 1


def test_another_user_of_the_address_in_other_letters_keeps_everything(
    plane: ControlPlane, world: World, database: Database, email: str
) -> None:
    flow = PublicFlow(world, CODES_BY_SPELLING)
    other = email.replace("pilot", "Pilot")
    mine, theirs = log_in(flow, email), log_in(flow, other)
    before = mentions(database, other)

    delete(plane, mine.user_id)

    assert mentions(database, other) == before
    assert mentions(database, email) == Counter(emails=1)
    assert plane.get(f"{ROOT}/sessions/{theirs.device_session_id}").json()["session"]["status"] == "active"
    second = flow.send(other)
    assert isinstance(flow.confirm(second, flow.code(second)), SessionMade)


def test_of_two_users_from_before_with_one_address_the_other_one_keeps_what_they_share(
    plane: ControlPlane, flow: PublicFlow, database: Database, email: str
) -> None:
    """A code made for one spelling serves the other's challenges: neither erasure leaves half of it."""
    other = email.replace("pilot", "Pilot")
    flow.send(other)
    challenge_id = flow.send(email)
    older, younger = store_user(database, email=other), store_user(database, email=email)

    assert delete(plane, older.user_id).status_code == 200
    made = flow.confirm(challenge_id, flow.code(challenge_id))
    assert isinstance(made, SessionMade)
    assert made.session.user_id == younger.user_id
    assert delete(plane, younger.user_id).status_code == 200
    assert mentions(database, email) == mentions(database, other) == Counter()


def test_after_an_erasure_a_login_in_other_letters_makes_a_new_user(
    plane: ControlPlane, flow: PublicFlow, database: Database, email: str
) -> None:
    erased = log_in(flow, email).user_id
    delete(plane, erased)
    other = email.upper()
    made = log_in(flow, other).user_id
    assert made != erased
    assert database.execute("select email from users where user_id = $1", made)[0]["email"].lower() == email


@pytest.mark.parametrize("body", [{}, {"reason_code": "x"}, CAUSE | {"email": "a@example.com"}])
def test_any_other_body_is_refused_and_erases_nobody(plane: ControlPlane, database: Database, body: Any) -> None:
    user = store_user(database)
    assert plane.call("DELETE", f"{ROOT}/users/{user.user_id}", body).status_code == 400
    assert database.execute("select count(*) from users where user_id = $1", user.user_id)[0]["count"] == 1


def test_it_needs_the_scope_of_its_own(plane: ControlPlane, database: Database) -> None:
    owner, user = plane.claim_owner(), store_user(database)

    def call(scope: str) -> int:
        body = {"name": "eraser", "scopes": [scope]}
        token = plane.post("/api/control-plane/auth/tokens", body, token=owner.session_token).json()["secret"]
        return plane.call("DELETE", f"{ROOT}/users/{user.user_id}", CAUSE, token=token).status_code

    assert [call("sessions:revoke"), call("users:delete")] == [403, 200]


def test_logins_racing_the_deletion_of_their_user_leave_no_active_session_of_it(
    flow: PublicFlow, world: World, database: Database
) -> None:
    """60 users, each erased by two at once while they log in and ask for another code."""
    outcomes: Counter[str] = Counter()
    for _ in range(60):
        email = email_address()
        user_id = log_in(flow, email).user_id
        challenge_id = flow.send(email)
        erase = contender(world.internal, delete_user, NOTHING, DeleteUser(user_id, UNIT_CAUSE))
        confirm = flow.confirming(challenge_id, flow.code(challenge_id))

        confirmed, first, second, _ = world.call(race, confirm, erase, erase, partial(flow.sending, email))

        assert Counter([first.name, second.name]) == {"deleted": 1, "subject_not_found": 1}
        outcomes["made" if isinstance(confirmed, SessionMade) else confirmed] += 1
        sql = "select count(*) from device_sessions where user_id = $1 and status = 'active'"
        assert database.execute(sql, user_id)[0]["count"] == 0
    assert outcomes.keys() <= {"made", ConfirmRefusal.CHALLENGE_NOT_FOUND}


def test_a_login_decided_before_the_deletion_and_written_after_makes_no_session(
    flow: PublicFlow, world: World, database: Database, email: str
) -> None:
    user_id = log_in(flow, email).user_id
    challenge_id = flow.send(email)

    outcome = interrupted(flow, user_id).confirm(challenge_id, flow.code(challenge_id))

    assert outcome is ConfirmRefusal.CHALLENGE_NOT_FOUND
    assert not database.execute("select 1 from users where email = $1", email)


def test_a_send_decided_before_the_deletion_and_written_after_mails_a_new_code(
    flow: PublicFlow, world: World, email: str
) -> None:
    """It would have shared a code that is gone."""
    user_id = log_in(flow, email).user_id
    flow.send(email)
    at_worst = interrupted(flow, user_id)

    challenge_id = at_worst.send(email)

    assert at_worst.decisions == ["new_code"]
    assert isinstance(flow.confirm(challenge_id, flow.code(challenge_id)), SessionMade)


def interrupted(flow: PublicFlow, user_id: str) -> PublicFlow:
    """Between a decision and its write the user is erased."""
    erase = partial(delete_user, done=NOTHING, command=DeleteUser(user_id, UNIT_CAUSE))
    return flow.reaching(InterruptedPostgres(flow.world.public, elsewhere(flow.world.database.internal_dsn, erase)))
