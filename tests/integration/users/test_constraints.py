"""The tables of users refuse impossible rows, whatever a statement believes (SPEC §8); the owner tries."""

from typing import Any

import asyncpg
import pytest

from tests.support.builders import StoredUser, email_address, store_user, unique
from tests.support.database import Database

NO_IDS = ["..", "a/b", "pilot@example.com", "a b", "-a", "x" * 129, "é", "a\n"]


@pytest.fixture
def user(database: Database) -> StoredUser:
    return store_user(database)


def order(database: Database, **columns: Any) -> None:
    values = {"email_id": None, "user_id": None, "reason_code": "policy_blocked"} | columns
    database.execute(
        "insert into user_block_orders (email_id, user_id, reason_code, ordered_at, next_attempt_at) "
        "values ($1, $2, $3, clock_now(), clock_now())",
        *values.values(),
    )


@pytest.mark.parametrize("user_id", NO_IDS)
def test_no_user_is_called_so_and_none_can_be_blocked_or_ordered_to_be(database: Database, user_id: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        store_user(database, user_id=user_id)
    with pytest.raises(asyncpg.CheckViolationError):
        order(database, user_id=user_id)
    with pytest.raises(asyncpg.CheckViolationError):
        database.execute(
            "insert into blocks (user_id, reason_code, actor_type, created_at) values ($1, 'x', 'x', clock_now())",
            user_id,
        )


@pytest.mark.parametrize("user_id", ["7", "user-1", "auth0|5f", "a.b_c~d:e-f", "x" * 128])
def test_ids_of_a_user_service_are_taken_as_they_are(database: Database, user_id: str) -> None:
    assert store_user(database, user_id=user_id).user_id == user_id


def test_an_order_concerns_a_user_or_an_address_and_each_once(database: Database, user: StoredUser) -> None:
    for subject in ({}, {"email_id": user.email_id, "user_id": user.user_id}, {"user_id": "u", "reason_code": "No!"}):
        with pytest.raises(asyncpg.CheckViolationError):
            order(database, **subject)
    for subject in ({"email_id": user.email_id}, {"user_id": unique("u")}):
        order(database, **subject)
        with pytest.raises(asyncpg.UniqueViolationError):
            order(database, **subject)


def test_an_order_for_an_address_needs_its_row(database: Database) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        order(database, email_id=10**9)


def test_an_address_belongs_to_one_user(database: Database) -> None:
    email = email_address()
    store_user(database, email=email)
    with pytest.raises(asyncpg.UniqueViolationError):
        store_user(database, email=email)
