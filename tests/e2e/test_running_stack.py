"""The fixture that every e2e test stands on: both processes live, die and come back apart from each other."""

import httpx

from tests.support.builders import email_address
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
