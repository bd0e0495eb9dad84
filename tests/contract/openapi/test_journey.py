"""One walk through every operation on the running processes: real sessions and blocks, each answer as documented.

Chance never guesses a login code or an id, so `test_conformance` alone would see few answers 200.
"""

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.openapi.client import Client
from tests.support.stack import RunningStack

KEY = "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="
ACTOR = {"type": "admin", "id": "admin-1"}
EMAIL = "walker+journey@example.com"


@pytest.fixture(scope="module")
def public(running_stack: RunningStack) -> Iterator[Client]:
    with httpx.Client(base_url=running_stack.public_url, timeout=30) as http:
        yield Client("public_auth", http)


@pytest.fixture(scope="module")
def internal(running_stack: RunningStack) -> Iterator[Client]:
    with httpx.Client(base_url=running_stack.internal_url, timeout=30) as http:
        yield Client("internal_admin", http)


def log_in(stack: RunningStack, public: Client) -> str:
    """A device session of the walker."""
    challenge_id = public.call("send_email_code", json={"email": EMAIL})["challenge_id"]
    code = stack.wait_for_code(EMAIL, challenge_id)
    asked = {"challenge_id": challenge_id, "client_public_key": KEY, "time_zone": "Europe/Berlin"}
    wrong = f"{(int(code) + 1) % 10**6:06}"
    public.call("confirm_email_code", 400, json={**asked, "code": wrong})
    first = public.call("confirm_email_code", json={**asked, "code": code})
    assert public.call("confirm_email_code", json={**asked, "code": code}) == first
    return first["device_session_id"]


def test_every_operation_answers_as_documented_along_a_whole_life(
    running_stack: RunningStack, public: Client, internal: Client
) -> None:
    sessions = [log_in(running_stack, public) for _ in range(3)]
    user = internal.call("find_users", query=f"email={EMAIL}")["user"]
    assert user in internal.call("find_users", query="limit=1000")["users"]
    assert (user["email"], user["time_zone"]) == (EMAIL, "Europe/Berlin")
    user_id = user["user_id"]
    newest = internal.call("read_session", device_session_id=sessions[2])["session"]
    assert (newest["status"], newest["client_public_key"], newest["user_id"]) == ("active", KEY, user_id)

    page = internal.call("list_sessions", user_id=user_id, query="limit=2&status=active")
    rest = internal.call("list_sessions", user_id=user_id, query=f"limit=2&status=active&cursor={page['next_cursor']}")
    assert [each["device_session_id"] for each in page["sessions"] + rest["sessions"]] == sessions[::-1]
    assert "next_cursor" not in rest

    why = {"reason_code": "admin_revoke", "actor": ACTOR}
    for outcome, count in (("revoked", 1), ("already_revoked", 0)):
        answer = internal.call("revoke_session", device_session_id=sessions[0], json=why)
        assert (answer["outcome"], answer["affected_session_count"]) == (outcome, count)
    revoked = internal.call("read_session", device_session_id=sessions[0])["session"]
    assert (revoked["status"], revoked["revoke_reason_code"], revoked["revoke_actor"]) == (
        "revoked",
        "admin_revoke",
        ACTOR,
    )

    spare = {**why, "except_device_session_id": sessions[2]}
    answer = internal.call("revoke_user_sessions", user_id=user_id, json=spare)
    assert answer["affected_device_session_ids"] == [sessions[1]]
    assert internal.call("revoke_user_sessions", user_id=user_id, json=spare)["outcome"] == "no_active_sessions"
    internal.call("revoke_user_sessions", 404, user_id="user-nobody", json=why)

    block = {"user_id": user_id, "expires_at": "2126-05-05T12:00:00Z", "reason_code": "policy_blocked", "actor": ACTOR}
    answer = internal.call("block_subject", json=block)
    assert (answer["outcome"], answer["affected_device_session_ids"]) == ("blocked", [sessions[2]])
    assert internal.call("block_subject", json=block)["outcome"] == "already_blocked"
    by_email = {"email": EMAIL, "reason_code": "policy_blocked", "actor": {"type": "system"}}
    assert internal.call("block_subject", json=by_email)["subject_kind"] == "email"
    internal.call("block_subject", 404, json={**block, "user_id": "user-nobody"})
    assert internal.call("list_blocks", query=f"user_id={user_id}")["blocks"][0]["expires_at"] == block["expires_at"]
    first = internal.call("list_blocks", query="limit=1")
    second = internal.call("list_blocks", query=f"limit=1&cursor={first['next_cursor']}")
    kinds = [each["blocks"][0]["subject_kind"] for each in (first, second)]
    assert sorted(kinds) == ["email", "user_id"]

    challenge_id = public.call("send_email_code", json={"email": EMAIL})["challenge_id"]
    public.call(
        "confirm_email_code",
        400,
        json={"challenge_id": challenge_id, "code": "000000", "client_public_key": KEY},
    )
    for subject in ({"email": EMAIL}, {"user_id": user_id}):
        for outcome in ("unblocked", "not_blocked"):
            unblock = {**subject, "reason_code": "appeal_granted", "actor": ACTOR}
            assert internal.call("unblock_subject", json=unblock)["outcome"] == outcome
    internal.call("read_mailbox", query=f"email={EMAIL}")

    key = {"Idempotency-Key": "erase-the-walker"}
    erasure = {"reason_code": "user_request", "actor": {"type": "user", "id": user_id}}
    erased = internal.call("delete_user", user_id=user_id, json=erasure, headers=key)
    assert (erased["outcome"], erased["address_kept_for_block"]) == ("deleted", False)
    assert internal.call("delete_user", user_id=user_id, json=erasure, headers=key) == erased
    internal.call("delete_user", 409, user_id=user_id, json=why, headers=key)
    internal.call("delete_user", 404, user_id=user_id, json=erasure)
    internal.call("find_users", 404, query=f"email={EMAIL}")


def test_both_processes_report_their_health_as_documented(public: Client, internal: Client) -> None:
    for client in (public, internal):
        client.call("read_health")
        assert client.call("read_readiness")["status"] == "ready"


@pytest.mark.parametrize("ident", ["%00", "device-session-%00", "%FF", "%ED%A0%80", "%20", "%2F", "%2e%2e", "a" * 4000])
def test_no_id_in_a_path_makes_a_fault(running_stack: RunningStack, ident: str) -> None:
    with httpx.Client(base_url=f"{running_stack.internal_url}/api/v1/internal", timeout=30) as http:
        why = {"reason_code": "admin_revoke", "actor": ACTOR}
        answers = [
            http.get(f"/sessions/{ident}"),
            http.post(f"/sessions/{ident}/revoke", json=why),
            http.post(f"/users/{ident}/sessions/revoke-all", json=why),
        ]
        listed = http.get(f"/users/{ident}/sessions")
    for answer in answers:
        assert answer.status_code in {400, 404}, answer.text
        assert answer.json()["error"]["code"] in {
            "invalid_request",
            "not_found",
            "session_not_found",
            "subject_not_found",
        }
    assert listed.status_code in {400, 404} or listed.json() == {"sessions": []}
