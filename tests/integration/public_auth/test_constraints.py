"""The tables themselves refuse impossible rows, whatever statement writes them. The owner tries each constraint.

The owner of the database has every right, so only the constraint refuses.
"""

from itertools import product
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.support.builders import StoredUser, store_session, store_user, unique
from tests.support.database import Database

WAITING = ("pending_send", "sent")
DECOYS = ("delivery_suppressed", "delivery_throttled")
STATES = (*WAITING, *DECOYS, "confirmed_pending_expire", "failed", "cancelled")
POSSIBLE = {
    ("pending_send", "sent"),
    *product(WAITING, ("confirmed_pending_expire", "failed", "cancelled")),
}


def insert(database: Database, table: str, **columns: Any) -> None:
    """Inserts one row. A value of the form `sql:…` is an expression."""
    raw = {name: value[4:] for name, value in columns.items() if isinstance(value, str) and value.startswith("sql:")}
    bound = {name: value for name, value in columns.items() if name not in raw}
    values = [*raw.values(), *(f"${place}" for place in range(1, len(bound) + 1))]
    statement = f"insert into {table} ({', '.join([*raw, *bound])}) values ({', '.join(values)}) returning 1"
    if bound:
        database.execute(statement, *bound.values())
    else:
        database.execute(statement)


def code_of(database: Database, user: StoredUser, **changes: Any) -> dict[str, Any]:
    """Inserts a login code that is alive. Returns its columns."""
    columns = {
        "login_code_id": uuid4(),
        "email_id": user.email_id,
        "email": user.email,
        "key_id": "key",
        "salt": bytes(16),
        "mac": bytes(32),
        "sealed_code": b"sealed",
        "seal_key_id": "key",
        "created_at": "sql:clock_now()",
        "expires_at": "sql:clock_now() + interval '10 minutes'",
    } | changes
    insert(database, "login_codes", **columns)
    return columns


def challenge_of(database: Database, user: StoredUser, state: str = "sent", **changes: Any) -> str:
    """Inserts a challenge that fits its state. Returns its id."""
    columns: dict[str, Any] = {
        "challenge_id": unique("challenge-"),
        "email_id": user.email_id,
        "email": user.email,
        "login_code_id": None,
        "network_tag": bytes(16),
        "preferred_language": "en",
        "state": state,
        "attempts": 5 if state == "failed" else 0,
        "created_at": "sql:clock_now()",
        "expires_at": "sql:clock_now() + interval '10 minutes'",
    } | changes
    if state not in DECOYS and "login_code_id" not in changes:
        columns["login_code_id"] = code_of(database, user)["login_code_id"]
    if state == "confirmed_pending_expire" and "confirmed_at" not in changes:
        columns["confirmed_at"] = "sql:clock_now()"
    insert(database, "challenges", **columns)
    return columns["challenge_id"]


def delivery_of(database: Database, user: StoredUser, **changes: Any) -> dict[str, Any]:
    """Inserts a queued mail. Returns its columns."""
    columns = {
        "delivery_id": uuid4(),
        "challenge_id": challenge_of(database, user),
        "login_code_id": code_of(database, user)["login_code_id"],
        "email_id": user.email_id,
        "email": user.email,
        "locale": "en",
        "network_tag": bytes(16),
        "to_new_address": True,
        "state": "queued",
        "queued_at": "sql:clock_now()",
        "next_attempt_at": "sql:clock_now()",
    } | changes
    insert(database, "mail_deliveries", **columns)
    return columns


@pytest.fixture
def user(database: Database) -> StoredUser:
    return store_user(database)


def move(database: Database, challenge_id: str, state: str) -> None:
    """Moves a challenge to `state`, with all columns that the state demands."""
    database.execute(
        """
        update challenges set state = $2, attempts = case $2 when 'failed' then 5 else attempts end,
               confirmed_at = case $2 when 'confirmed_pending_expire' then clock_now() end,
               login_code_id = case when $2 like 'delivery%' then null else login_code_id end
         where challenge_id = $1
        """,
        challenge_id,
        state,
    )


@pytest.mark.parametrize(("before", "after"), sorted(POSSIBLE))
def test_a_waiting_challenge_can_be_sent_confirmed_failed_or_cancelled(
    database: Database, user: StoredUser, before: str, after: str
) -> None:
    challenge_id = challenge_of(database, user, before)
    move(database, challenge_id, after)
    (row,) = database.execute("select state from challenges where challenge_id = $1", challenge_id)
    assert row["state"] == after


IMPOSSIBLE = sorted(pair for pair in product(STATES, STATES) if pair not in POSSIBLE and pair[0] != pair[1])


@pytest.mark.parametrize(("before", "after"), IMPOSSIBLE)
def test_no_other_transition_of_a_challenge_is_possible(
    database: Database, user: StoredUser, before: str, after: str
) -> None:
    challenge_id = challenge_of(database, user, before)
    with pytest.raises(asyncpg.CheckViolationError):
        move(database, challenge_id, after)


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("sent", {"attempts": 6}),
        ("sent", {"attempts": -1}),
        ("sent", {"attempts": 5}),  # five are `failed`
        ("cancelled", {"attempts": 6}),
        ("failed", {"attempts": 4}),
        ("sent", {"attempts": 2, "evaluated": 3}),
        ("sent", {"evaluated": -1}),
        ("sent", {"login_code_id": None}),
        ("confirmed_pending_expire", {"confirmed_at": None}),
        ("sent", {"confirmed_at": "sql:clock_now()"}),
        ("sent", {"expires_at": "sql:clock_now() - interval '1 second'"}),
        ("sent", {"network_tag": bytes(15)}),
        ("sent", {"challenge_id": "session-1"}),
        ("expired", {}),  # derived from time, never stored
    ],
)
def test_a_challenge_that_contradicts_itself_is_impossible(
    database: Database, user: StoredUser, state: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        challenge_of(database, user, state, **changes)


def test_a_sixth_attempt_is_impossible_in_every_state(database: Database, user: StoredUser) -> None:
    for state in STATES:
        challenge_id = challenge_of(database, user, state)
        with pytest.raises(asyncpg.CheckViolationError):
            database.execute("update challenges set attempts = 6 where challenge_id = $1", challenge_id)


@pytest.mark.parametrize("state", DECOYS)
def test_a_decoy_never_gets_a_code(database: Database, user: StoredUser, state: str) -> None:
    challenge_id = challenge_of(database, user, state)
    code = code_of(database, user)
    with pytest.raises(asyncpg.CheckViolationError):
        database.execute(
            "update challenges set login_code_id = $2 where challenge_id = $1", challenge_id, code["login_code_id"]
        )


def test_one_login_code_confirms_one_challenge(database: Database, user: StoredUser) -> None:
    code = code_of(database, user)
    challenge_of(database, user, "confirmed_pending_expire", login_code_id=code["login_code_id"])
    other = challenge_of(database, user, "sent", login_code_id=code["login_code_id"])
    with pytest.raises(asyncpg.UniqueViolationError):
        move(database, other, "confirmed_pending_expire")


@pytest.mark.parametrize("column", ["login_code_id", "challenge_id"])
def test_two_sessions_from_one_login_are_impossible(database: Database, user: StoredUser, column: str) -> None:
    session = store_session(database, user)
    with pytest.raises(asyncpg.UniqueViolationError):
        database.execute(
            f"""
            insert into device_sessions (device_session_id, user_id, client_public_key, created_at,
                                         challenge_id, login_code_id)
            select $2, user_id, client_public_key, created_at,
                   {"challenge_id" if column == "challenge_id" else "'challenge-other'"},
                   {"login_code_id" if column == "login_code_id" else "gen_random_uuid()"}
              from device_sessions where device_session_id = $1
            """,
            session.device_session_id,
            unique("device-session-"),
        )


REVOKE = (
    "status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'admin_revoke', revoke_actor_type = 'admin'"
)
UNREVOKE = (
    "status = 'active', revoked_at = null, revoke_reason_code = null, revoke_actor_type = null, revoke_actor_id = null"
)


def change_session(database: Database, device_session_id: str, assignments: str) -> None:
    database.execute(f"update device_sessions set {assignments} where device_session_id = $1", device_session_id)


def test_a_session_is_revoked_once_and_never_comes_back(database: Database, user: StoredUser) -> None:
    session_id = store_session(database, user).device_session_id
    change_session(database, session_id, REVOKE)

    for again in (UNREVOKE, REVOKE, "revoke_reason_code = 'another'", "revoked_at = clock_now() - interval '1 day'"):
        with pytest.raises(asyncpg.CheckViolationError):
            change_session(database, session_id, again)
    (row,) = database.execute("select status from device_sessions where device_session_id = $1", session_id)
    assert row["status"] == "revoked"


@pytest.mark.parametrize(
    "assignment",
    [
        "client_public_key = decode(repeat('aa', 32), 'hex')",
        "device_session_id = 'device-session-' || gen_random_uuid()",
        "login_code_id = gen_random_uuid()",
        "challenge_id = 'challenge-' || gen_random_uuid()",
        "created_at = clock_now() + interval '1 day'",
        "user_id = (select max(user_id) from users where user_id <> device_sessions.user_id)",
    ],
)
@pytest.mark.parametrize("revoking", [False, True])
def test_nothing_else_about_a_session_ever_changes(
    database: Database, user: StoredUser, assignment: str, *, revoking: bool
) -> None:
    store_user(database)
    session_id = store_session(database, user).device_session_id
    with pytest.raises(asyncpg.CheckViolationError):
        change_session(database, session_id, f"{assignment}, {REVOKE}" if revoking else assignment)


@pytest.mark.parametrize(
    "assignments",
    [
        "status = 'revoked'",
        "status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'admin_revoke'",
        REVOKE.replace("admin_revoke", "Not A Reason"),
        REVOKE.replace("'admin'", "'Not A Type'"),
        REVOKE.replace("'revoked'", "'suspended'"),
        "revoked_at = clock_now()",
    ],
)
def test_a_revocation_without_time_reason_and_actor_is_impossible(
    database: Database, user: StoredUser, assignments: str
) -> None:
    session_id = store_session(database, user).device_session_id
    with pytest.raises(asyncpg.CheckViolationError):
        change_session(database, session_id, assignments)


@pytest.mark.parametrize(
    "changes",
    [
        {"sealed_code": None},
        {"seal_key_id": None},
        {"ended_at": "sql:clock_now()"},  # an ended code is erased
        {"salt": bytes(15)},
        {"mac": bytes(31)},
        {"expires_at": "sql:clock_now() - interval '1 second'"},
    ],
)
def test_a_login_code_that_contradicts_itself_is_impossible(
    database: Database, user: StoredUser, changes: dict[str, Any]
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        code_of(database, user, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"finished_at": "sql:clock_now()"},
        {"state": "sent"},  # and not finished
        {"login_code_id": None},
        {"state": "sent", "finished_at": "sql:clock_now()", "login_code_id": None},
        {"state": "lost"},
        {"network_tag": bytes(17)},
    ],
)
def test_a_delivery_that_contradicts_itself_is_impossible(
    database: Database, user: StoredUser, changes: dict[str, Any]
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        delivery_of(database, user, **changes)


def test_a_challenge_has_one_delivery(database: Database, user: StoredUser) -> None:
    delivery = delivery_of(database, user)
    with pytest.raises(asyncpg.UniqueViolationError):
        delivery_of(database, user, challenge_id=delivery["challenge_id"])


def test_an_address_has_one_row_and_an_identity_one_user(database: Database, user: StoredUser) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        insert(database, "emails", folded=user.email.lower(), created_at="sql:clock_now()")
    with pytest.raises(asyncpg.UniqueViolationError):
        store_user(database, email=user.email)


def test_an_address_longer_than_254_bytes_is_impossible(database: Database) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        insert(database, "emails", folded="é" * 128, created_at="sql:clock_now()")


def test_a_network_is_kept_as_a_tag_of_16_bytes_once_per_address(database: Database, user: StoredUser) -> None:
    for tag in (b"192.0.2.1", bytes(32)):
        with pytest.raises(asyncpg.CheckViolationError):
            insert(database, "known_networks", email_id=user.email_id, network_tag=tag, confirmed_at="sql:clock_now()")
    insert(database, "known_networks", email_id=user.email_id, network_tag=bytes(16), confirmed_at="sql:clock_now()")
    with pytest.raises(asyncpg.UniqueViolationError):
        insert(
            database, "known_networks", email_id=user.email_id, network_tag=bytes(16), confirmed_at="sql:clock_now()"
        )


@pytest.mark.parametrize("column", ["email_id", "user_id"])
def test_a_subject_has_one_block(database: Database, user: StoredUser, column: str) -> None:
    block = {column: getattr(user, column), "reason_code": "x", "actor_type": "admin", "created_at": "sql:clock_now()"}
    insert(database, "blocks", **block)
    with pytest.raises(asyncpg.UniqueViolationError):
        insert(database, "blocks", **block)


@pytest.mark.parametrize("both", [False, True])
def test_a_block_names_exactly_one_subject(database: Database, user: StoredUser, *, both: bool) -> None:
    subject = {"email_id": user.email_id, "user_id": user.user_id} if both else {}
    with pytest.raises(asyncpg.CheckViolationError):
        insert(database, "blocks", **subject, reason_code="x", actor_type="admin", created_at="sql:clock_now()")
