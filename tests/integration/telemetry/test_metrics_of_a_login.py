"""The metrics of both processes after a login and a revocation (SPEC §13.1)."""

import httpx

from tests.support.builders import email_address
from tests.support.stack import RunningStack

KEY = "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="
CAUSE = {"reason_code": "admin_revoke", "actor": {"type": "system"}}


def samples(url: str) -> set[str]:
    """Names of the series, with labels."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


def test_a_login_and_its_revocation_show_on_the_metrics_of_their_processes(running_stack: RunningStack) -> None:
    email = email_address()
    sent = httpx.post(f"{running_stack.public_url}/api/v1/public/auth/send-email-code", json={"email": email})
    challenge_id = sent.json()["challenge_id"]
    code = running_stack.wait_for_code(email, challenge_id)
    confirmation = {"challenge_id": challenge_id, "code": code, "client_public_key": KEY}
    confirmed = httpx.post(f"{running_stack.public_url}/api/v1/public/auth/confirm-email-code", json=confirmation)
    session_url = f"{running_stack.internal_url}/api/v1/internal/sessions/{confirmed.json()['device_session_id']}"
    assert httpx.post(f"{session_url}/revoke", json=CAUSE).status_code == 200

    assert {
        'authsession_sends_total{outcome="new_code"}',
        'authsession_mails_total{outcome="sent",reason="none"}',
        'authsession_confirms_total{outcome="confirmed"}',
        "authsession_projection_publish_duration_seconds_count",
    } <= samples(running_stack.metrics_url)
    assert "authsession_projection_publish_duration_seconds_count" in samples(running_stack.internal_url)
    of_the_keeper = {  # one of both processes
        'authsession_projection_epochs_total{reason="redis_lost"}',
        "authsession_projection_outbox_depth",
        "authsession_projection_outbox_age_seconds",
    }
    assert of_the_keeper <= samples(running_stack.metrics_url) | samples(running_stack.internal_url)
