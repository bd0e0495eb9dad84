"""The stable error codes of SPEC §2.1, §2.2 and §4.1."""

import json

import pytest

from contracts.errors import ERRORS, ErrorCode, Refusal, encode_error
from tests.contract.vectors import load

SPECIFIED = {
    "invalid_request": 400,
    "invalid_client_public_key": 400,
    "unsupported_protocol_version": 400,
    "invalid_envelope": 400,
    "invalid_node_key": 400,
    "invalid_code": 400,
    "blocked_by_policy": 403,
    "password_too_short": 400,
    "password_too_long": 400,
    "password_too_simple": 400,
    "password_holds_identity": 400,
    "password_too_common": 400,
    "password_too_predictable": 400,
    "insecure_transport": 400,
    "invalid_credentials": 401,
    "invalid_join_token": 401,
    "node_unknown": 401,
    "node_revoked": 401,
    "session_unknown": 401,
    "session_revoked": 401,
    "payload_hash_mismatch": 401,
    "invalid_signature": 401,
    "timestamp_out_of_window": 401,
    "request_replayed": 401,
    "session_renewal_required": 401,
    "forbidden": 403,
    "node_not_approved": 403,
    "secret_not_granted": 403,
    "cross_origin_request": 403,
    "not_found": 404,
    "challenge_not_found": 404,
    "session_not_found": 404,
    "subject_not_found": 404,
    "token_not_found": 404,
    "join_token_not_found": 404,
    "node_not_found": 404,
    "pool_not_found": 404,
    "document_not_found": 404,
    "config_not_found": 404,
    "agent_not_found": 404,
    "invitation_not_found": 404,
    "secret_not_found": 404,
    "grant_not_found": 404,
    "connection_not_found": 404,
    "default_not_found": 404,
    "version_not_found": 404,
    "node_redis_users_off": 404,
    "method_not_allowed": 405,
    "session_limit_exceeded": 409,
    "email_in_use": 409,
    "node_name_taken": 409,
    "name_taken": 409,
    "limit_reached": 409,
    "revision_conflict": 409,
    "activation_conflict": 409,
    "checks_failed": 409,
    "pool_taken": 409,
    "stage_unfinished": 409,
    "not_active": 409,
    "agent_not_active": 409,
    "manifest_too_large": 409,
    "version_conflict": 409,
    "secret_not_grantable": 409,
    "connection_in_use": 409,
    "email_blocked": 409,
    "users_live_elsewhere": 409,
    "owner_exists": 409,
    "onboarding_out_of_order": 409,
    "onboarding_condition_unmet": 409,
    "settings_conflict": 409,
    "idempotency_conflict": 409,
    "no_node_reports": 409,
    "challenge_expired": 410,
    "notice_expired": 410,
    "secret_version_gone": 410,
    "request_too_large": 413,
    "unsupported_media_type": 415,
    "rate_limited": 429,
    "internal_error": 500,
    "service_unavailable": 503,
    "signing_keys_missing": 503,
    "secret_keys_missing": 503,
    "telemetry_not_configured": 503,
}


def test_the_table_has_exactly_the_specified_codes_and_statuses() -> None:
    assert {code.value: spec.status for code, spec in ERRORS.items()} == SPECIFIED


def test_every_code_has_a_row() -> None:
    assert set(ERRORS) == set(ErrorCode)


def test_the_vectors_are_the_table() -> None:
    table = [{"code": code.value, "status": spec.status, "message": spec.message} for code, spec in ERRORS.items()]
    assert load("errors")["errors"] == table


def test_an_expired_challenge_is_told_as_the_seed_prints_it() -> None:
    assert encode_error(ErrorCode.CHALLENGE_EXPIRED) == (
        b'{"error":{"code":"challenge_expired","message":"challenge expired"}}'
    )


@pytest.mark.parametrize("code", ErrorCode)
def test_a_message_is_short_and_lower_case(code: ErrorCode) -> None:
    message = ERRORS[code].message
    assert message == message.lower()
    assert 0 < len(message) <= 30


def test_a_refusal_carries_the_message_of_the_table_unless_told_a_better_one() -> None:
    assert (Refusal(ErrorCode.INVALID_CODE).status, Refusal(ErrorCode.INVALID_CODE).message) == (400, "invalid code")
    refusal = Refusal(ErrorCode.INVALID_REQUEST, "email is required")
    assert json.loads(encode_error(refusal.code, refusal.message)) == {
        "error": {"code": "invalid_request", "message": "email is required"}
    }
