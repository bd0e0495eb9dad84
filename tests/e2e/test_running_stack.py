"""The fixture under every e2e test: each process can be killed and started without the other."""

import json
from collections.abc import Generator
from contextlib import contextmanager

import httpx

from tests.support.builders import SEED_CLIENT_PUBLIC_KEY, email_address
from tests.support.stack import RunningStack


def send(stack: RunningStack, email: str) -> str:
    answer = httpx.post(f"{stack.public_url}/api/v1/public/auth/send-email-code", json={"email": email})
    assert answer.status_code == 200, answer.text
    return answer.json()["challenge_id"]


def test_a_mailed_code_is_in_the_mailbox(running_stack: RunningStack) -> None:
    email = email_address()
    code = running_stack.wait_for_code(email, send(running_stack, email))
    assert len(code) == 6
    assert running_stack.mailbox(email_address()) == []


def test_the_public_process_serves_while_the_internal_one_is_dead(running_stack: RunningStack) -> None:
    running_stack.kill("internal")
    email = email_address()
    challenge_id = send(running_stack, email)
    running_stack.restart("internal")
    assert running_stack.wait_for_code(email, challenge_id)


def test_the_internal_process_serves_while_the_public_one_is_dead(running_stack: RunningStack) -> None:
    running_stack.kill("public")
    answer = httpx.get(f"{running_stack.internal_url}/api/v1/internal/sessions/device-session-1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "session_not_found")
    running_stack.restart("public")
    assert send(running_stack, email_address())


def test_the_metrics_of_the_public_process_are_apart_from_its_api(running_stack: RunningStack) -> None:
    assert httpx.get(f"{running_stack.metrics_url}/metrics").status_code == 200
    assert httpx.get(f"{running_stack.public_url}/metrics").status_code == 404


def test_without_a_host_no_key_is_taken_where_proofs_are_mandatory_and_the_log_says_why(
    running_stack: RunningStack,
) -> None:
    """No client can prove its key there. It is not the client's fault, and no session begins (SPEC §3.9)."""
    email = email_address()
    challenge_id = send(running_stack, email)
    login = {"challenge_id": challenge_id, "code": running_stack.wait_for_code(email, challenge_id)}
    login["client_public_key"] = SEED_CLIENT_PUBLIC_KEY
    url = f"{running_stack.public_url}/api/v1/public/auth/confirm-email-code"

    with mandatory_proofs(running_stack):
        refused = httpx.post(url, json=login)
        proven = httpx.post(url, json=login | {"client_key_proof": "cHJvb2Y="})

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "service_unavailable")
    assert refused.headers["retry-after"] == "60"
    assert (proven.status_code, proven.json()["error"]["code"]) == (400, "invalid_request")
    logged = [line for line in running_stack.lines["public"] if "AUTHSESSION_PUBLIC_HOST is not set" in line]
    assert [json.loads(line)["level"] for line in logged] == ["error", "warning"]
    assert running_stack.database.execute("select from device_sessions") == []
    assert httpx.post(url, json=login).status_code == 200


@contextmanager
def mandatory_proofs(stack: RunningStack) -> Generator[None]:
    stack.database.execute("update settings set require_client_key_proof = $1", True)
    try:
        yield
    finally:
        stack.database.execute("update settings set require_client_key_proof = $1", False)
