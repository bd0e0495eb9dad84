"""Journeys of trusted services: reading, paging, revoking."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from contracts.instant import encode_instant
from tests.support.builders import client_public_key, email_address
from tests.support.product import INTERNAL, Product
from tests.support.stack import wait_for


def log_in(product: Product, email: str, times: int) -> list[str]:
    """Logs one user in several times. Returns the sessions, newest first."""
    return [product.log_in(email, client_public_key().base64) for _ in range(times)][::-1]


def listed(page: dict[str, Any]) -> list[str]:
    return [session["device_session_id"] for session in page["sessions"]]


def now(product: Product) -> datetime:
    """The time of the deciding clock."""
    return product.stack.database.execute("select clock_now() as now")[0]["now"]


def test_a_list_has_active_and_revoked_sessions_newest_first(product: Product) -> None:
    email = email_address()
    sessions = log_in(product, email, 4)
    user_id = product.user(email)["user_id"]
    product.revoke(sessions[1])
    everything = product.sessions(user_id)
    assert list(everything) == ["sessions"]
    assert listed(everything) == sessions
    assert everything["sessions"][1] == product.session(sessions[1])
    assert listed(product.sessions(user_id, status="revoked")) == [sessions[1]]
    assert listed(product.sessions(user_id, status="active")) == [sessions[0], *sessions[2:]]
    assert product.sessions("user-nobody") == {"sessions": []}


def test_pages_one_after_the_other_are_the_whole_list_also_while_it_grows(product: Product) -> None:
    email = email_address()
    sessions = log_in(product, email, 5)
    user_id = product.user(email)["user_id"]
    first = product.sessions(user_id, limit=2)
    log_in(product, email, 1)
    second = product.sessions(user_id, limit=2, cursor=first["next_cursor"])
    third = product.sessions(user_id, limit=2, cursor=second["next_cursor"])
    assert [*listed(first), *listed(second), *listed(third)] == sessions
    assert "next_cursor" not in third
    assert "next_cursor" not in product.sessions(user_id, limit=6)


def test_a_revoked_session_says_when_why_and_by_whom_and_a_repeat_changes_nothing(product: Product) -> None:
    session_id = product.log_in(email_address())
    assert product.revoke(session_id).json()["outcome"] == "revoked"
    session = product.session(session_id)
    assert list(session) == [
        "device_session_id", "user_id", "client_public_key", "status", "created_at",
        "revoked_at", "revoke_reason_code", "revoke_actor",
    ]  # fmt: skip
    assert (session["revoke_reason_code"], session["revoke_actor"]) == (
        "admin_revoke",
        {"type": "admin", "id": "admin-1"},
    )
    record = product.record(session_id)
    again = product.post(f"/sessions/{session_id}/revoke", reason_code="another", actor={"type": "system"})
    assert again.json() == {
        "outcome": "already_revoked", "device_session_id": session_id, "affected_session_count": 0,
    }  # fmt: skip
    assert product.session(session_id) == session
    assert product.record(session_id) == record


def test_revoke_all_spares_the_session_it_is_told_to(product: Product) -> None:
    email = email_address()
    sessions = log_in(product, email, 3)
    user_id = product.user(email)["user_id"]
    path = f"/users/{user_id}/sessions/revoke-all"
    answer = product.post(path, except_device_session_id=sessions[1]).json()
    assert list(answer) == ["outcome", "user_id", "affected_session_count", "affected_device_session_ids"]
    assert (answer["outcome"], answer["user_id"], answer["affected_session_count"]) == ("revoked", user_id, 2)
    assert sorted(answer["affected_device_session_ids"]) == sorted([sessions[0], sessions[2]])
    assert [product.session(each)["status"] for each in sessions] == ["revoked", "active", "revoked"]
    assert [b'"status":"revoked"' in (product.record(each) or b"") for each in sessions] == [True, False, True]
    assert product.post(path, except_device_session_id=sessions[1]).json() == {
        "outcome": "no_active_sessions", "user_id": user_id,
        "affected_session_count": 0, "affected_device_session_ids": [],
    }  # fmt: skip
    assert product.post(path).json()["affected_device_session_ids"] == [sessions[1]]


def test_revoke_all_with_the_session_of_another_user_revokes_nothing(product: Product) -> None:
    mine, other = product.log_in(email_address()), product.log_in(email_address())
    path = f"/users/{product.session(mine)['user_id']}/sessions/revoke-all"
    answer = product.post(path, except_device_session_id=other)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert product.session(mine)["status"] == "active"


def test_blocks_are_listed_in_pages_and_looked_up(product: Product) -> None:
    emails = [email_address() for _ in range(3)]
    for email in emails:
        product.post("/user-blocks", email=email, expires_at="2126-05-05T12:00:00Z")
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while True:
        page = product.internal.get(f"{INTERNAL}/user-blocks", params=query).json()
        seen += [block["subject_value"] for block in page["blocks"]]
        if "next_cursor" not in page:
            break
        query = {"limit": "2", "cursor": page["next_cursor"]}
    assert set(emails) <= set(seen)
    assert len(seen) == len(set(seen))
    for email in emails:
        product.post("/user-blocks/remove", email=email)
    assert product.internal.get(f"{INTERNAL}/user-blocks", params={"email": emails[0]}).json() == {"blocks": []}


def test_a_block_ends_by_itself_at_its_instant(product: Product) -> None:
    email = email_address()
    soon = encode_instant(now(product) + timedelta(seconds=3))
    assert product.post("/user-blocks", email=email, expires_at=soon).json()["outcome"] == "blocked"
    wait_for(lambda: product.internal.get(f"{INTERNAL}/user-blocks", params={"email": email}).json() == {"blocks": []})
    assert product.log_in(email)


def test_each_mutation_leaves_one_audit_row_with_caller_and_claimed_actor_apart(product: Product) -> None:
    email = email_address()
    session_id = product.log_in(email)
    product.revoke(session_id)
    rows = product.stack.database.execute("select * from audit_events where subject = $1 order by audit_id", session_id)
    assert [(row["event"], row["outcome"], row["caller"], row["actor_type"], row["actor_id"]) for row in rows] == [
        ("security.create_session", "created", "public", None, None),
        ("security.revoke_session", "revoked", "trusted_network", "admin", "admin-1"),
    ]
    assert all(before["audit_id"] < after["audit_id"] for before, after in pairwise(rows))
