"""Laws of what the audit trail calls a subject. Pure."""

import pytest

from services.internal_admin.callers.trail import audit_subject_of_email, audit_subject_of_id


@pytest.mark.parametrize(
    "id_",
    [
        "user-123",
        "device-session-01jqz5e3r8f7yd2h9k4m6n0p1s",
        "user-A_b-9",
        "operator-1",
        "operator-session-1",
        "token-1",
    ],
)
def test_an_id_is_its_own_name(id_: str) -> None:
    assert audit_subject_of_id(id_) == id_


@pytest.mark.parametrize(
    "text", ["pilot@example.com", "user-pilot@example.com", "user-", "user-" + "x" * 101, "challenge-1", "", "user-1\n"]
)
def test_a_text_that_no_id_could_be_never_gets_into_the_trail(text: str) -> None:
    assert audit_subject_of_id(text) is None


def test_an_address_is_named_by_its_row() -> None:
    assert audit_subject_of_email(42) == "email-42"
