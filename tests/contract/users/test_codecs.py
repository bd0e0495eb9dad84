"""The codecs of the user service write and read the golden file exactly, and refuse all that it calls malformed."""

import json
from typing import Any

import pytest

from contracts import user_service as contract
from contracts.encoding import encode
from contracts.user_service import (
    BlockedUser,
    CreatableUser,
    EnsureByEmail,
    ExistingUser,
    MalformedAnswer,
    RegistrationContext,
)
from tests.contract.vectors import cases, load

VECTORS = load("user_service")
DECODERS: dict[str, Any] = {
    "resolve_by_email": contract.decode_resolution,
    "ensure_by_email": contract.decode_ensured,
    "user_exists": contract.decode_exists,
}


def written(request: dict[str, Any]) -> tuple[str, bytes | None]:
    """Path and body as our code makes them from the values of the case."""
    body = request.get("body", {})
    match request["operation"]:
        case "resolve_by_email":
            return contract.RESOLVE_BY_EMAIL, contract.encode_resolve_by_email(body["email"])
        case "ensure_by_email":
            context = RegistrationContext(**body["registration_context"])
            return contract.ENSURE_BY_EMAIL, contract.encode_ensure_by_email(EnsureByEmail(body["email"], context))
        case "user_exists":
            return contract.user_exists_path(request["user_id"]), None
        case "block_user":
            return contract.block_user_path(request["user_id"]), contract.encode_block_user(body["reason_code"])
        case operation:
            assert operation == "block_by_email"
            return contract.BLOCK_BY_EMAIL, contract.encode_block_by_email(body["email"], body["reason_code"])


@pytest.mark.parametrize("request_", [pytest.param(each, id=each["operation"]) for each in VECTORS["requests"]])
def test_a_request_is_written_byte_for_byte(request_: dict[str, Any]) -> None:
    assert written(request_) == (request_["path"], encode(request_["body"]) if "body" in request_ else None)


@pytest.mark.parametrize("case", cases("user_service", "answers"))
def test_an_answer_is_read(case: dict[str, Any]) -> None:
    expected = {
        "existing": ExistingUser(case.get("user_id", "")),
        "created": ExistingUser(case.get("user_id", ""), is_new=True),
        "creatable": CreatableUser(),
        "blocked": BlockedUser(),
        "exists": True,
        "does not exist": False,
    }
    assert DECODERS[case["operation"]](json.dumps(case["body"]).encode()) == expected[case["name"]]


@pytest.mark.parametrize("case", cases("user_service", "malformed"))
def test_a_malformed_answer_is_a_fault_that_shows_no_value(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswer) as fault:
        DECODERS[case["operation"]](case["body"].encode())
    assert not any(value in str(fault.value) for value in ("pilot", "user-1", "maybe", "html"))


def test_no_repr_shows_an_email() -> None:
    assert "pilot" not in repr(EnsureByEmail("pilot@example.com", RegistrationContext("en", "UTC")))
