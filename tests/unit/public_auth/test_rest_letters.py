"""The calls by which a mail service of one's own gets letters (SPEC §7.1, §20.3)."""

import json
from dataclasses import replace

from services.public_auth.mail.rest import body_of, headers_of, path_of
from tests.unit.public_auth.test_letters import LETTER
from tests.unit.public_auth.test_messages import INVITATION, LINK, NOTICE


def test_each_kind_of_letter_has_its_own_call_and_a_key_that_a_retry_repeats() -> None:
    paths = [path_of(letter) for letter in (LETTER, NOTICE, INVITATION)]
    assert paths == [
        "/api/v1/internal/login-code-deliveries",
        "/api/v1/internal/notice-deliveries",
        "/api/v1/internal/invitation-deliveries",
    ]
    assert headers_of(NOTICE) == headers_of(replace(NOTICE)) == {"Idempotency-Key": str(NOTICE.delivery_id)}


def test_a_notice_and_an_invitation_say_what_a_letter_needs() -> None:
    assert json.loads(body_of(NOTICE)) == {
        "email": "pilot@example.org",
        "locale": "en",
        "logged_in_at": "2026-01-02T23:04:05Z",
        "time_zone": "Europe/Berlin",
        "device_label": "Firefox on Linux",
        "revoke_url": LINK,
    }
    bare = json.loads(body_of(replace(NOTICE, label=None, link=None)))
    assert (bare["device_label"], bare["revoke_url"]) == (None, None)
    assert json.loads(body_of(INVITATION)) == {"email": "pilot@example.org", "locale": "en"}
