"""Every malformed request of the vectors is refused with `invalid_request`, naming what is wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from contracts.errors import ErrorCode, Refusal
from contracts.internal_blocks import decode_block_subject, decode_list_blocks, decode_unblock_subject
from contracts.internal_mailbox import decode_read_mailbox
from contracts.internal_sessions import decode_list_sessions, decode_revoke_session, decode_revoke_user_sessions
from contracts.internal_users import decode_find_user
from contracts.public_auth import decode_confirm, decode_send
from tests.contract.vectors import body_of, cases, load

BODIES: dict[str, Callable[[bytes], object]] = {
    "send_email_code": decode_send,
    "confirm_email_code": decode_confirm,
    "revoke_session": decode_revoke_session,
    "revoke_user_sessions": decode_revoke_user_sessions,
    "block_subject": decode_block_subject,
    "unblock_subject": decode_unblock_subject,
}
QUERIES: dict[str, Callable[[str], object]] = {
    "find_user": decode_find_user,
    "read_mailbox": decode_read_mailbox,
    "list_sessions": decode_list_sessions,
    "list_blocks": decode_list_blocks,
}


def refusal_of(case: dict[str, Any]) -> Refusal:
    """What the operation of the case answers to it."""
    operation = case["operation"]
    with pytest.raises(Refusal) as refused:
        _ = QUERIES[operation](case["query"]) if "query" in case else BODIES[operation](body_of(case))
    return refused.value


@pytest.mark.parametrize("case", cases("refusals", "refusals"))
def test_a_malformed_request_is_refused_and_the_field_named(case: dict[str, Any]) -> None:
    refusal = refusal_of(case)
    assert refusal.code is ErrorCode.INVALID_REQUEST
    assert case.get("names", "") in refusal.message


def test_every_operation_that_takes_something_has_refusals() -> None:
    assert {case["operation"] for case in load("refusals")["refusals"]} == {*BODIES, *QUERIES}


def test_no_body_of_the_vectors_is_over_the_limit_of_16_kib() -> None:
    assert max(len(body_of(case)) for case in load("refusals")["refusals"] if "query" not in case) <= 16 * 1024


@pytest.mark.parametrize("case", cases("refusals", "refusals"))
def test_a_message_is_short_and_shows_no_value(case: dict[str, Any]) -> None:
    message = refusal_of(case).message
    assert len(message) <= 120
    assert not any(secret in message for secret in ("pilot", "@", "123456", "11qYAY", "challenge-123"))
